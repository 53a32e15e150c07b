"""The report opens in a browser: every section is laid out, nothing is fetched, nothing overflows the page."""

import json
import re
import shutil
import subprocess

import matplotlib.pyplot as plt
import pytest

from recoverymetrics.study import Study, demo_study_path
from recoverymetrics.study.report import build_sections

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]

PROBE = """
<script>
window.addEventListener('load', () => {
  const facts = {
    sections: [...document.querySelectorAll('main section')].map(s => [s.id, s.getBoundingClientRect().height]),
    drawings: [...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().width),
    wide: document.documentElement.scrollWidth - window.innerWidth,
    fetched: performance.getEntriesByType('resource').map(e => e.name),
  };
  const pre = document.createElement('pre');
  pre.id = 'facts'; pre.textContent = JSON.stringify(facts);
  document.body.appendChild(pre);
});
</script></body>"""


@pytest.fixture(scope="module")
def result():
    return Study.from_toml(demo_study_path()).run()


@pytest.fixture(scope="module")
def anchors(result):
    built = [section.anchor for section in build_sections(result)]
    plt.close("all")
    return [*built, "words-in-the-tables"]


def look(page, width, profile):
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", f"--window-size={width},1000",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(re.search(r'<pre id="facts">(.*?)</pre>', dom, re.S).group(1))


@pytest.mark.parametrize("width", [1280, 600, 420])
def test_report_is_laid_out(result, anchors, tmp_path, width):
    page = result.report(tmp_path / "report.html")
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE), encoding="utf-8")
    facts = look(page, width, tmp_path / "profile")
    assert [anchor for anchor, _ in facts["sections"]] == anchors
    assert all(height > 60 for _, height in facts["sections"])
    assert len(facts["drawings"]) >= 4
    assert all(width > 100 for width in facts["drawings"])
    assert facts["wide"] <= 1
    assert facts["fetched"] == []
