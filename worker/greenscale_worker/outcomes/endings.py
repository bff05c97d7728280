"""What the end of an answer means, and a broken connection. Only data."""

import re

from greenscale_worker.errors import (
    AttemptFailed,
    Doubtful,
    EngineInTrouble,
    EngineLost,
    EngineMisconfigured,
    JobRejected,
)
from greenscale_worker.outcomes import patterns
from greenscale_worker.outcomes.rows import CHANGE_ADDRESS, Break, Ending

ENDINGS: tuple[Ending, ...] = (
    Ending(
        name="larger than maxAnswerBytes",
        words=patterns.exactly("<too large>"),
        outcome=JobRejected,
        reason="AnswerTooLarge",
        remedy="sent more than {bytes} bytes, or a line or an error of more than 1 MiB: raise queue.maxAnswerBytes, or "
        "ask for less (maxTokens)",
    ),
    Ending(
        name="a page instead of an answer",
        words=patterns.exactly("<page>"),
        outcome=EngineMisconfigured,
        once_answered=Doubtful,
        reason="WrongAddress",
        remedy="answered with a web page: " + CHANGE_ADDRESS,
    ),
    Ending(
        name="no chat completion",
        words=patterns.exactly("<malformed>"),
        outcome=AttemptFailed,
        reason="MalformedAnswer",
        remedy="sent something other than a chat completion: check {address} and the engine's version if this persists",
    ),
    Ending(
        name="an end without finish_reason",
        words=patterns.exactly("<none>"),
        text=True,
        outcome=AttemptFailed,
        reason="StreamBroken",
        remedy="ended its answer in the middle: check the engine's log if this persists",
    ),
    Ending(
        name="filter",
        words=patterns.FILTER_ENDING,
        outcome=JobRejected,
        reason="ContentFiltered",
        remedy="stopped at its content filter, for this prompt or its answer: change the prompt",
    ),
    Ending(
        name="abort, error",
        words=patterns.BAD_ENDING,
        outcome=AttemptFailed,
        reason="Aborted",
        remedy="gave up in the middle of its answer; the same request may succeed: check its log if this persists",
    ),
    Ending(
        name="length without text",
        words=patterns.LENGTH_ENDING,
        text=False,
        outcome=JobRejected,
        reason="NoRoomForAnswer",
        remedy="used all tokens before the first word of its answer, perhaps on reasoning: raise maxTokens "
        "(parameters.maxTokens of the job, or engine.parameters.maxTokens)",
    ),
    Ending(
        name="nothing",
        words=re.compile(""),
        text=False,
        outcome=AttemptFailed,
        reason="NoAnswer",
        remedy="answered with no text: check {address} and {model_setting} if this persists",
    ),
)

BREAKS: tuple[Break, ...] = (
    Break(
        name="refused",
        outcome=EngineInTrouble,
        reason="ConnectionRefused",
        remedy="cannot be reached: nothing listens at that port; start the engine, or correct {address}",
    ),
    Break(
        name="unknown host",
        outcome=EngineInTrouble,
        reason="UnknownHost",
        remedy="cannot be reached: its name has no address (DNS); correct {address}, or the cluster's DNS",
    ),
    Break(
        name="unreachable",
        outcome=EngineInTrouble,
        reason="Unreachable",
        remedy="cannot be reached: no route to it, or it accepts no connection; check the network and {address}",
    ),
    Break(
        name="certificate expired",
        outcome=EngineInTrouble,
        reason="CertificateExpired",
        remedy="presents a certificate that has expired, or is not valid yet: renew it",
    ),
    Break(
        name="certificate of an unknown authority",
        outcome=EngineInTrouble,
        reason="CertificateUnknown",
        remedy="presents a certificate of an unknown authority (self-signed, or private): set SSL_CERT_FILE to the "
        "authority's certificate",
    ),
    Break(
        name="certificate of another host",
        outcome=EngineInTrouble,
        reason="CertificateMismatch",
        remedy="presents a certificate of another host: correct the host in {address}, or the certificate",
    ),
    Break(
        name="TLS to a plain HTTP port",
        outcome=EngineMisconfigured,
        reason="WrongAddress",
        remedy="does not speak TLS there: begin {address} with http://, or correct the port",
    ),
    Break(
        name="TLS fails",
        outcome=EngineInTrouble,
        reason="TLSFailed",
        remedy="cannot agree on TLS with the worker: check its TLS versions and {address}",
    ),
    Break(
        name="proxy",
        outcome=EngineInTrouble,
        reason="ProxyFailed",
        remedy="cannot be reached through the proxy: correct the proxy, or name the engine in NO_PROXY",
    ),
    Break(
        name="not HTTP",
        outcome=EngineMisconfigured,
        once_answered=AttemptFailed,
        reason="WrongAddress",
        remedy="does not speak plain HTTP there: begin {address} with https:// if it speaks TLS, or correct the port",
    ),
    Break(
        name="headers too large",
        outcome=AttemptFailed,
        reason="HeadersTooLarge",
        remedy="sent headers of more than 64 KiB: check the proxy or gateway in front of it",
    ),
    Break(
        name="broken compression",
        outcome=AttemptFailed,
        reason="MalformedAnswer",
        remedy="sent an answer whose compression is broken or was not asked for: check the proxy or "
        "gateway in front of it",
    ),
    Break(
        name="silence",
        outcome=AttemptFailed,
        reason="Timeout",
        remedy="did not answer in time: raise queue.jobTimeoutSeconds, or ask for less (maxTokens)",
    ),
    Break(
        name="unusable address",
        outcome=EngineMisconfigured,
        reason="WrongAddress",
        remedy="cannot be asked: {address} is not a valid address; correct it",
    ),
    Break(
        name="lost before its answer",
        outcome=EngineLost,
        reason="EngineLost",
        remedy="closed the connection before it answered: check its log and its memory",
    ),
    Break(
        name="lost within its answer",
        outcome=EngineLost,
        reason="EngineLost",
        remedy="closed the connection in the middle of its answer: check its log and its memory",
    ),
)
