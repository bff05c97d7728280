"""Whoever may look at the page is not whoever may read a workload: no secret goes there."""

from typing import Any

import pytest

from greenscale_operator.board import page_resource
from greenscale_operator.reconciliation import ObjectFinding, Reconciliation
from greenscale_operator.redaction import HIDDEN, redact

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "part",
    [
        {"worker": {"env": [{"name": "ANY", "value": SECRET}]}},
        {"engine": {"server": {"env": [{"name": "ANY", "value": SECRET}]}}},
        {"worker": {"podTemplate": {"spec": {"containers": [{"env": [{"name": "ANY", "value": SECRET}]}]}}}},
        {"args": [f"--api-key={SECRET}"]},
        {"args": ["--api-key", SECRET]},
        {"args": ["--hf-token", SECRET, "--port", "80"]},
        {"command": ["sh", "-c", f"API_KEY={SECRET} exec vllm serve"]},
        {"args": [f"sk-{SECRET}12345678"]},
        {"args": [f"hf_{SECRET}12345678"]},
        {"args": [f"{SECRET}abcdefghijklmnopqrstuvwxyz0123456789"]},
        {"engine": {"openAI": {"baseURL": f"https://user:{SECRET}@host/v1"}}},
        {"httpHeaders": [{"name": "Authorization", "value": f"Bearer {SECRET}123"}]},
        {"password": SECRET},
        {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f'{{"env":"{SECRET}"}}'}},
        {"managedFields": [{"fieldsV1": SECRET}]},
    ],
    ids=str,
)
def test_a_secret_is_hidden(part: dict[str, Any]) -> None:
    assert SECRET in str(part)
    assert SECRET not in str(redact(part))


@pytest.mark.parametrize(
    "part",
    [
        {"openAI": {"model": "gpt-4o-mini", "apiKeySecretRef": {"name": "openai", "key": "OPENAI_API_KEY"}}},
        {"env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}]},
        {"image": "vllm/vllm-openai@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {"args": ["--model", "meta-llama/Meta-Llama-3.1-70B-Instruct", "--max-model-len", "8192"]},
        {"baseURL": "http://llm.greenscale-system.svc:8000/v1", "maxTokens": 100, "listName": "greenscale:{ns/name}"},
        {"uid": "5b1f9c4e-0d3a-4c8e-9d53-1f2e3d4c5b6a", "secretName": "tls"},
        {"triggers": [{"type": "redis", "metadata": {"address": "redis:6379", "listName": "jobs:inflight"}}]},
    ],
    ids=str,
)
def test_the_rest_stands_as_it_was_applied(part: dict[str, Any]) -> None:
    assert redact(part) == part


def test_what_is_hidden_says_so_where_it_was() -> None:
    assert redact({"env": [{"name": "KEY", "value": "x"}]}) == {"env": [{"name": "KEY", "value": HIDDEN}]}


def test_the_page_reads_what_was_applied_and_what_became_of_it() -> None:
    metadata = {"name": "w", "namespace": "ns", "resourceVersion": "7", "managedFields": [{}]}
    body = {"kind": "W", "metadata": metadata, "spec": {"suspend": True}, "status": {"state": "S"}}
    scaled = {"kind": "S", "metadata": metadata, "spec": {"x": 1}, "status": {"lastActiveTime": "now"}}
    reconciliation = Reconciliation(body=body, now=0, objects=ObjectFinding(scaled_object=scaled))
    resource = page_resource(reconciliation, {"conditions": [{"type": "Ready"}]})
    left = {"name": "w", "namespace": "ns"}

    assert resource.resource == {"kind": "W", "metadata": left, "spec": {"suspend": True}}
    assert resource.scaled_object == {"kind": "S", "metadata": left, "spec": {"x": 1}}
    assert resource.conditions == ({"type": "Ready"},)
