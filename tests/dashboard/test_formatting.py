"""What the page says, word for word."""

import pytest

from greenscale_dashboard.formatting import STATE_STYLES, UNKNOWN, StateStyle, harmless, seconds, sentence


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, "\N{EN DASH}", id="not known"),
        pytest.param(200, "3 min", id="as a duration"),
    ],
)
def test_a_duration_as_people_say_it(value: float | None, expected: str) -> None:
    assert seconds(value) == expected


def test_how_each_state_looks() -> None:
    """A word, a colour, an icon: nobody must tell states apart by colour alone."""
    assert {
        "ScaledToZero": StateStyle("Asleep", "blue", "bedtime"),
        "Waking": StateStyle("Waking", "orange", "wb_twilight"),
        "Active": StateStyle("Working", "green", "bolt"),
        "CoolingDown": StateStyle("Cooling down", "violet", "mode_fan"),
        "Suspended": StateStyle("Suspended", "gray", "pause_circle"),
        "Degraded": StateStyle("Needs attention", "red", "error", plural="need attention"),
    } == STATE_STYLES


@pytest.mark.parametrize("part", ["word", "icon"])
def test_no_two_states_share_a_word_or_an_icon(part: str) -> None:
    parts = [getattr(style, part) for style in (*STATE_STYLES.values(), UNKNOWN)]

    assert len(set(parts)) == len(parts)


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        pytest.param("![x](http://evil/x)", "!\\[x](http://evil/x)", id="a picture"),
        pytest.param("![x][r]\n\n[r]: http://evil/x", "!\\[x][r]\n\n[r]: http://evil/x", id="a picture by reference"),
        pytest.param("[![x](u)](v)", "[!\\[x](u)](v)", id="a picture in a link"),
        pytest.param("\\![x](u)", "\\!\\[x](u)", id="escaped already"),
        pytest.param("[a link](http://there/)", "[a link](http://there/)", id="a link waits for a click"),
        pytest.param("**Hi!** [1]", "**Hi!** [1]", id="plain text"),
        pytest.param("```mermaid\nA\n```", "```text\nA\n```", id="a diagram"),
        pytest.param("> ~~~~ Mermaid x\nA", "> ~~~~text\nA", id="a diagram in a quotation"),
        pytest.param("- ```&#109;ermai\\d\nA", "- ```text\nA", id="a diagram in disguise"),
        pytest.param("```.language-mermaid\nA", "```text\nA", id="a diagram by another name"),
        pytest.param("```python\nmermaid\n```", "```python\nmermaid\n```", id="code"),
        pytest.param("```mermaid```", "```mermaid```", id="the word, as code in a line"),
    ],
)
def test_a_foreign_text_shows_no_picture(foreign: str, expected: str) -> None:
    assert harmless(foreign) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("the prompt is empty", "the prompt is empty.", id="no end"),
        pytest.param("Set it.", "Set it.", id="a full stop"),
        pytest.param("Is it running?", "Is it running?", id="a question"),
    ],
)
def test_a_sentence_ends_once(text: str, expected: str) -> None:
    assert sentence(text) == expected
