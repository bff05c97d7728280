"""What a status says of an exception, and when the same answer is no passing trouble any more."""

import pytest

from greenscale_operator.errors import Gone, Passing, Rejected, Unavailable
from greenscale_operator.failures import LASTING_AFTER, failure_of, note_failure
from greenscale_operator.memory import Memory
from greenscale_operator.reconciliation import Failure

NOW = 1_700_000_000.0


def noted(memory: Memory, error: Exception, *, now: float = NOW) -> Failure:
    return note_failure(error, memory, generation=2, now=now)


def test_an_answer_that_stays_the_same_is_a_refusal_from_the_third_time_on() -> None:
    memory = Memory(made_generation=2)
    error = Unavailable("Kubernetes could not apply it (500): webhook away.", status=500)
    failures = [noted(memory, error, now=NOW + number) for number in range(LASTING_AFTER + 1)]

    assert [failure.failure and failure.failure.reason for failure in failures] == [None, None, "Rejected", "Rejected"]
    assert failures[2].failure
    assert "webhook away. This is the answer since 2023-11-14T22:13:20Z." in failures[2].failure.message
    assert failures[2].failure == failures[3].failure, "the text stays, or each try would be a write"


@pytest.mark.parametrize("other", [Unavailable("503.", status=503), Gone("409.")])
def test_another_answer_begins_the_count_again(other: Passing) -> None:
    memory, error = Memory(made_generation=2), Unavailable("500.", status=500)
    failures = [noted(memory, one) for one in (error, error, other, error, error)]

    assert [failure.failure for failure in failures] == [None] * 5


@pytest.mark.parametrize("error", [Unavailable("It did not answer."), Unavailable("429.", status=429), Gone("409.")])
def test_what_passes_is_pending_until_this_generation_is_made(error: Passing) -> None:
    not_made, made = Memory(made_generation=1), Memory(made_generation=2)
    failures = [noted(not_made, error) for _ in range(LASTING_AFTER + 1)]

    assert {failure.pending and failure.pending.reason for failure in failures} == {"Progressing"}
    assert {failure.failure for failure in failures} == {None}
    assert noted(made, error).pending is None, "what is made is as ready as it was"


def test_an_error_of_our_own_is_remembered_until_all_went_well() -> None:
    memory = Memory()
    failure = noted(memory, KeyError("spec"))

    assert failure.failure == memory.failure
    assert failure.failure
    assert (failure.failure.reason, "KeyError: 'spec'" in failure.failure.message) == ("InternalError", True)


@pytest.mark.parametrize(
    "text", ["password=sesame", "redis://:sesame@redis:6379", "Bearer abcdefghijkl", "x" * 10_000 + " token: abc"]
)
def test_no_secret_and_no_novel_reaches_the_status(text: str) -> None:
    message = failure_of(ValueError(text)).message

    assert "sesame" not in message
    assert "abcdefgh" not in message
    assert len(message) < 500


def test_a_refusal_keeps_its_reason_and_words() -> None:
    problem = failure_of(Rejected("status.state: Unsupported value."))

    assert (problem.reason, problem.message) == (
        "Rejected",
        "status.state: Unsupported value. It is tried again within 60 s.",
    )
