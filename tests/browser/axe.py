"""Runs axe-core over a page as it stands; says each violation in a line. It decides nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Page

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """
async (tags) => {
  const answer = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
  return answer.violations.map(({ id, help, nodes }) => ({
    id, help, nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
  }));
}
"""


async def violations(page: Page, rules: Sequence[str] = (*WCAG, "best-practice")) -> list[str]:
    """What WCAG 2.2 AA and good practice ask for and this page does not do."""
    if not await page.evaluate("'axe' in globalThis"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = await page.evaluate(RUN, list(rules))
    return [f"{each['id']}: {each['help']}\n    " + "\n    ".join(each["nodes"]) for each in found]
