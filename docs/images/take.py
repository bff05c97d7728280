"""Take the README's picture of the page: a real `greenscale local`, a real worker, a real Chromium.

`make screenshots`.
"""

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import ViewportSize, expect

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "lib"))

from greenscale_testing.browser import InstanceWithPage, Visit, chromium

HERE = Path(__file__).parent

PROMPT = "Echo, please say again: the sky is blue because air scatters short waves of light more than long ones."

SIZE = ViewportSize(width=1280, height=800)


def main() -> None:
    """Send a prompt to a sleeping workload, and take a picture of the page when it is answered."""
    folder = Path(tempfile.mkdtemp())
    instance = InstanceWithPage(folder / "run", folder / "workload.yaml")
    instance.start()
    try:
        with chromium() as browser:
            opened = Visit(browser.new_context(viewport=SIZE).new_page())
            opened.page.goto(f"{instance.url}/prompt")
            opened.page.get_by_role("textbox", name="Prompt").fill(PROMPT)
            opened.page.get_by_role("textbox", name="Prompt").press("Control+Enter")
            answer = opened.page.get_by_label("Chat message from assistant")
            expect(answer).to_contain_text(re.compile("s of it asleep"), timeout=60_000)
            expect(opened.page.get_by_role("button", name="Send")).to_be_enabled()
            expect(opened.page.get_by_role("button", name="Cancel")).to_have_count(0)
            expect(opened.page.get_by_text(re.compile("A prompt wakes it in about"))).to_be_visible(timeout=60_000)
            opened.page.mouse.move(0, 0)
            opened.page.screenshot(path=HERE / "page.png")
    finally:
        instance.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
