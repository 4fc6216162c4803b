"""The report in headless Chromium, opened from `file://` and driven over the DevTools protocol."""

import fcntl
import json
import math
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sacrebleu import sentence_chrf
from test_breakdown import RANGES
from test_report import (
    BETTER,
    HOSTILE,
    NARROW,
    SENTENCES,
    WIDE,
    begun_as_reference,
    make_evaluation,
    make_forced,
    make_run,
    make_translation,
    with_counts,
    with_heads,
    with_insight,
)

from nmt.data.words import words_of_tokens
from nmt.decoding.alignment import attention_entropy, merge_attention, words_of_sides
from nmt.decoding.translation import Translation
from nmt.evaluation.results import Evaluation
from nmt.report.build import build_report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-ipc-flooding-protection",  # all these tests go to more addresses in some seconds than a person can
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome")]


class Browser:
    """One page of a headless Chromium: messages, each ended by NUL, go in at its descriptor 3 and come out at 4."""

    def __init__(self, profile: Path) -> None:
        command_out, self._commands = os.pipe()
        self._messages, message_in = os.pipe()
        # numbers from 10 on, so that giving out 3 and 4 overwrites neither
        theirs = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (command_out, message_in)]
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}',
                "bash",
                CHROMIUM,
                *FLAGS,
                f"--user-data-dir={profile}",
            ],
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for descriptor in (command_out, message_in, *theirs):
            os.close(descriptor)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command; events that come before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._messages, 1 << 20)
            assert part, "Chromium ended"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60) -> Any:
        """The first true value of the expression."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < end, f"never true: {expression}; {self.complaints()}"
            time.sleep(0.05)
        return value

    def complaints(self) -> list[dict[str, Any]]:
        """Console errors and warnings, uncaught exceptions, log entries and requests over the network so far."""

        def complains(event: dict[str, Any]) -> bool:
            parameters = event.get("params", {})
            if event["method"] == "Network.requestWillBeSent":
                return not parameters["request"]["url"].startswith(("file:", "data:", "blob:"))
            if event["method"] == "Runtime.consoleAPICalled":
                return parameters["type"] in ("error", "warning", "assert")
            return event["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")

        return [event for event in self.events if complains(event)]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._commands)
        os.close(self._messages)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("report")
    run = make_run(folder / "runs" / "toy")
    many = [SENTENCES[1], *[(f"Satz {n}.", f"Sentence {n}.", f"Sentence {n}.", True) for n in range(2, 1001)]]
    make_evaluation(run, split="many", sentences=many)
    make_evaluation(run, split="sampled", sentences=SENTENCES[:2])
    sampled = Evaluation.load(run / "evaluations" / "sampled")
    drawn = replace(sampled, search={**sampled.search, "method": "sample"}, gold=(None, None), alignment=None)
    drawn.save(run / "evaluations" / "sampled")
    make_evaluation(run, split="wide", sentences=WIDE)
    make_evaluation(run, split="wide", name="narrow", sentences=NARROW)
    make_evaluation(run, name="again", sentences=BETTER)
    again = run / "evaluations" / "again"
    with_heads(with_insight(begun_as_reference(Evaluation.load(again)))).save(again)
    with_counts(run, "again")
    make_evaluation(folder / "runs" / "before", sentences=BETTER, longest=50)
    (folder / "runs" / "before" / "config.yaml").write_text("name: before\nseed: <b>2</b>\n", encoding="utf-8")
    page = build_report(run, folder / "reports" / "toy", folder / "runs" / "before")
    browser = Browser(folder / "profile")
    try:
        browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
        browser.send("Page.navigate", url=page.as_uri())
        browser.wait_for("document.readyState === 'complete' && document.querySelectorAll('#scores tr').length")
        yield browser
    finally:
        browser.close()


def go(browser: Browser, address: str) -> None:
    browser.evaluate(f"location.hash = {json.dumps(address)}")
    browser.wait_for(f"!document.getElementById({json.dumps(address[2:].split('/')[0].split('?')[0])}).hidden")


def shown_sentence(browser: Browser) -> str:
    return browser.evaluate("document.querySelector('#detail h2').textContent")


def merged_attention(record: Translation) -> np.ndarray:
    return merge_attention(record.attention, *words_of_sides(record))


AXIS_LABELS = "[...document.querySelectorAll('.frame .%stick text')].map(node => node.textContent)"


def test_overview_shows_scores_findings_and_distribution(browser: Browser) -> None:
    go(browser, "#/overview?split=wide")
    rows = "[...document.querySelectorAll('#scores tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    others = ["TER lower is better", "52.0", "–"], ["AER lower is better", "0.250", "–"]
    assert browser.evaluate(rows) == [["BLEU", "31.2", "30.1\u00a0–\u00a032.3"], *others]
    assert not browser.evaluate("document.querySelector('.signatures').open")
    told = browser.evaluate("document.querySelector('.signatures').textContent")
    assert "nrefs:1|case:mixed|tok:13a" in told
    assert "attention against 2 gold links, precision 0.800, recall 0.700" in told
    browser.wait_for("document.querySelector('#distribution .bars path') !== null")
    worst = browser.evaluate("[...document.querySelector('#worst .pair').children].map(({ innerText }) => innerText)")
    assert worst == [*WIDE[1][:2], f"Reference: {WIDE[1][2]}"]
    aligned = browser.evaluate("[...document.querySelectorAll('#examples > div')].at(-1).innerText")
    assert aligned.startswith("Worst alignment of the reference, by AER")
    assert (
        browser.evaluate("document.querySelectorAll('#examples > div:last-child li').length") == 2
    )  # as there is gold


def test_a_chart_that_is_not_drawn_yet_says_so_and_may_be_left(browser: Browser) -> None:
    go(browser, "#/overview?split=test")
    browser.wait_for("document.querySelector('#distribution .bars path') !== null")
    browser.evaluate("chartsOffPaper()")
    said = "getComputedStyle(byId('distribution'), '::before').content"
    assert browser.evaluate(said) == '"The chart is being drawn."'
    go(browser, "#/errors?split=test")
    browser.evaluate("drawDistribution(state.evaluation.distribution)")  # its section is not shown any more
    go(browser, "#/overview?split=test")
    browser.wait_for("document.querySelector('#distribution .bars path') !== null")
    assert browser.evaluate(said) == "none"
    assert browser.complaints() == []


def test_what_is_serious_stands_open_and_the_rest_is_folded(browser: Browser) -> None:
    def shown(split: str) -> tuple[str, int, int, str, bool]:
        go(browser, f"#/overview?split={split}")
        counts = "byId('serious').children.length, byId('findings').children.length"
        texts = "byId('findings-title').innerText, byId('findings-count').innerText"
        return tuple(browser.evaluate(f"[{counts}, {texts}, byId('findings').closest('details').open]"))

    serious, others, *told = shown("test")
    assert (serious, told) == (5, ["Serious findings", f"{others} others", False])
    weights = browser.evaluate("state.evaluation.findings.map(({ weight }) => weight)")
    assert sum(weight >= 1 for weight in weights) == serious
    serious, others, *told = shown("many")
    assert (serious, told) == (0, ["Findings", f"{others} findings, none of them serious", False])


def test_permalink_shows_the_sentence_with_its_heatmap_in_reading_order(browser: Browser) -> None:
    go(browser, "#/sentences/2")
    browser.wait_for(f"document.querySelector('.frame .heatmaplayer image') && {AXIS_LABELS % 'x'}.length === 7")
    assert shown_sentence(browser) == "Sentence 2"
    assert browser.evaluate(AXIS_LABELS % "x") == ["<s>", "Zwei", "Kinder", "spielen", "im", "Garten", "."]
    assert browser.evaluate(AXIS_LABELS % "y") == ["Two", "kids", "kids", "kids", "playing", "."]
    weights = merged_attention(make_translation(*SENTENCES[1][:2], finished=False))
    np.testing.assert_allclose(browser.evaluate("plot.data[0].z"), weights, atol=0.008)  # (6, 7): pieces add up
    tops = browser.evaluate(
        "[...document.querySelectorAll('.frame .ytick text')].map(node => node.getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)
    assert browser.evaluate("[...document.querySelectorAll('#detail ins')].map(node => node.textContent)") == [
        "kids", "kids", "kids", "playing",
    ]  # fmt: skip


def test_another_translation_is_shown_with_the_token_that_leads_to_it(browser: Browser) -> None:
    go(browser, "#/sentences/2")
    shown = "[...document.querySelectorAll('#detail .texts dt')].find(node => node.textContent === 'What if 1')"
    branch = browser.evaluate(f"{shown}.nextSibling.innerText")
    found = make_translation(SENTENCES[1][0], "Two kids children play.")
    chrf = browser.evaluate("view.sentence.chrf")
    own = sentence_chrf(found.text, [SENTENCES[1][2]]).score
    score = f"score −{-found.score:.2f}, ranks above"  # what the search found was cut off
    said = f"chrF {own:.1f} (+{own - chrf:.1f}), {score}, “children” 63% for “kids” 63%"
    assert branch.splitlines() == ["Two kids children play.", said]
    new = f"[...{shown}.nextSibling.querySelectorAll('strong')].map(node => node.textContent)"
    assert browser.evaluate(new) == ["children", "play"]


def test_sentences_with_a_better_other_translation_are_listed(browser: Browser) -> None:
    go(browser, "#/sentences?kind=what_if&split=test")
    assert browser.evaluate("state.rows") == [1]
    chips = "[...document.querySelectorAll('#chips [aria-pressed=true]')].map(node => node.textContent)"
    assert browser.evaluate(chips) == ["what-if better 1"]
    go(browser, "#/sentences?kind=what_if&split=again")
    assert browser.evaluate("state.rows") == []  # the better one begins as the reference
    go(browser, "#/sentences?kind=as_reference&split=again")
    assert browser.evaluate("state.rows") == [1]
    go(browser, "#/sentences?kind=what_if&split=many")
    assert browser.evaluate("state.rows") == []  # the one that there is has a lower chrF


def test_the_attention_of_another_translation_is_shown_from_the_token_that_leads_to_it(browser: Browser) -> None:
    go(browser, "#/sentences/2?split=test")
    browser.evaluate("setUnit('words'), document.querySelector('[data-focus=what-if-1]').click()")
    assert browser.evaluate("location.hash") == "#/sentences/2?shown=what-if-1&split=test"
    facts = browser.evaluate("document.querySelector('.facts-line').innerText")
    assert facts.startswith("What if 1:\nchrF 46.8, hypothesis 21.4\n")
    assert "undefined" not in facts
    found = make_translation(SENTENCES[1][0], "Two kids children play.")
    assert f"log-probability −{-found.log_prob:.2f}, hypothesis −" in facts
    np.testing.assert_allclose(browser.evaluate("view.weights"), merged_attention(found), atol=0.008)
    assert browser.evaluate("[view.step, view.targets[view.step].label]") == [2, "children"]
    current = "[...document.querySelectorAll('#detail .current')].map(node => node.textContent)"
    assert browser.evaluate(current) == ["children"]
    assert browser.evaluate("document.querySelector('.step-head strong').textContent") == "children"
    pressed = "[...document.querySelectorAll('#detail [aria-pressed=true]')].map(node => node.textContent)"
    assert browser.evaluate(pressed) == ["What if 1", "Words", "reference"]
    shown_above = "document.querySelector('#detail .texts').contains(document.querySelector('[data-focus=what-if-1]'))"
    assert browser.evaluate(f"[{shown_above}, document.querySelectorAll('[data-focus=what-if-1]').length]") == [True, 1]
    go(browser, "#/sentences/1?shown=what-if-1&split=test")  # which has none
    assert browser.evaluate("view.shown") == "hypothesis"
    go(browser, "#/sentences/1?shown=constructor&split=test")
    assert browser.evaluate("[view.shown, state.shown]") == ["hypothesis", "hypothesis"]


def test_translations_that_begin_as_the_reference_are_told_apart(browser: Browser) -> None:
    go(browser, "#/sentences/2?kind=as_reference&sort=-as_reference&split=again")
    assert browser.evaluate("state.rows") == [1]
    facts = "[...document.querySelectorAll('#detail .texts small')].map(node => node.textContent)"
    told = [each.startswith("as the reference begins, chrF") for each in browser.evaluate(facts) if "for “" in each]
    assert told == [False, True]
    go(browser, "#/sentences/1?split=test")
    assert not browser.evaluate("kindsOf(state.evaluation).includes('as_reference')")
    assert not browser.evaluate("ordersOf(state.evaluation).includes('as_reference')")


def test_looks_and_neighbors_are_those_of_the_chosen_step(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=again")
    looks = (
        "[...document.querySelectorAll('.looks li')]"
        ".map(node => [node.innerText.split('\\n').join(' '), node.className])"
    )
    source = make_translation(*SENTENCES[0][:2]).source_tokens
    others = [[f"{token} → other 50%", ""] for token in source[:-1]]
    assert browser.evaluate(looks) == [*others, [f"{source[-1]} → A 50%", "same"]]
    assert browser.evaluate("document.querySelector('.looks li').title") == "“A” 25%; attention 30%"
    near = "[...document.querySelectorAll('.neighbors li')].map(node => node.innerText)"
    assert browser.evaluate(near) == ["0.90\n💩 A!\nSieh da!", f"0.13\nWell then</s>\n{HOSTILE}"]
    marks = "[...document.querySelectorAll('.neighbors mark')].map(node => [node.textContent, node.className])"
    assert browser.evaluate(marks) == [["A", "same"], ["</s>", ""]]
    hints = "[...document.querySelectorAll('.insight .hint')].map(node => node.innerText)"
    first, second = browser.evaluate(hints)
    assert "What would stand for A if" in first
    assert "of 1,234 training pairs" in second
    assert second.endswith("1 of 2 go on as here.")
    browser.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
    assert [kind for _, kind in browser.evaluate(looks)] == [""] * len(source)
    assert browser.evaluate(hints)[1].endswith("0 of 2 go on as here.")
    browser.evaluate("setShown('reference')")
    assert browser.evaluate("document.querySelectorAll('.insight section').length") == 0
    browser.evaluate("setShown('hypothesis')")
    assert browser.evaluate("document.querySelectorAll('.insight section').length") == 2
    go(browser, "#/sentences/4?split=again")
    assert browser.evaluate("document.querySelectorAll('.insight section').length") == 2  # of the end of the sentence
    go(browser, "#/sentences/1?split=test")
    assert browser.evaluate("document.querySelectorAll('.insight section').length") == 0
    assert browser.complaints() == []


def test_effects_are_shown_in_place_of_the_attention(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=again")
    browser.evaluate("setUnit('subwords'), chooseStep(3)")
    browser.evaluate("document.querySelector('#detail [data-focus=effect]').click()")
    browser.wait_for(f"{AXIS_LABELS % 'x'}.length === 5")
    assert browser.evaluate(AXIS_LABELS % "x") == ["Ein", "Hund", "läuft", "schnell", "."]
    assert browser.evaluate(AXIS_LABELS % "y") == ["A", "dog", "runs", "fast", ".", "</s>"]
    assert browser.evaluate("plot.data[0].z") == [[t - 2 * w for w in range(5)] for t in range(6)]
    assert browser.evaluate("[plot.data[0].zmin, plot.data[0].zmax]") == [-5, 5]
    head = "document.querySelector('.step-head').innerText.split('\\n').join(' ')"
    assert "fast depends on Ein +3.0 nats Hund +1.0 nats läuft −1.0 nats" in browser.evaluate(head)
    sources = "[...document.querySelectorAll('#detail [data-side=source]')]"
    shades = browser.evaluate(f"{sources}.map(node => node.style.getPropertyValue('--weight'))")
    assert shades == ["0.6", "0.2", "0", "0", "0"]
    unit = "[...document.querySelectorAll('[aria-label=Unit] button')].map(node => [node.ariaPressed, node.disabled])"
    assert browser.evaluate(unit) == [["true", False], ["false", True]]
    browser.evaluate("setShown('reference')")
    assert browser.evaluate("view.weights[1][0]") == 10.01
    browser.evaluate("setShown('hypothesis')")
    go(browser, "#/sentences/2?split=again&measure=effect&unit=subwords")
    assert browser.evaluate("view.weights[1][0]") == 3  # the pieces of a word add up
    browser.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'e', bubbles: true}))")
    assert browser.evaluate("[view.measure.key, view.unit]") == ["attention", "subwords"]
    browser.evaluate("setUnit('words'), setMeasure('effect')")
    go(browser, "#/sentences/2?measure=effect&split=test")  # where they were not asked for
    assert browser.evaluate("[view.measure.key, document.querySelector('[data-focus=effect]')]") == ["attention", None]
    browser.evaluate("setMeasure('attention')")
    go(browser, "#/overview?split=again")
    assert "effects against 2 gold links and 1 only possible" in browser.evaluate(
        "document.querySelector('.signatures').textContent"
    )
    assert browser.complaints() == []


def test_each_head_is_shown(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=again")
    labels = "[...document.querySelectorAll('[aria-label=\"What is shown\"] button')].map(node => node.textContent)"
    assert browser.evaluate(labels) == ["Mean", "1", "2", "Effect"]
    told = (
        "[document.querySelector('.tools h3').textContent, ...[...document.querySelectorAll('.facts-line > span')]"
        ".map(node => node.textContent).filter(text => /^(entropy|AER) /.test(text))]"
    )
    name, *numbers = browser.evaluate(told)
    assert name == "Attention, mean of 2 heads"
    mean = browser.evaluate("view.weights")
    browser.evaluate("document.querySelector('[data-focus=head-1]').click()")
    assert browser.evaluate("view.weights.map(row => row.at(-1))") == [1] * 6
    assert browser.evaluate(told) == ["Attention of head 1", "entropy 0.00", "AER 1.00"]
    assert browser.evaluate("location.hash") == "#/sentences/1?measure=head-1&split=again"
    browser.evaluate("document.querySelector('[data-focus=head-2]').click()")
    assert browser.evaluate("view.weights") == mean
    assert browser.evaluate(told) == ["Attention of head 2", *numbers]
    browser.evaluate("setMeasure('effect')")
    assert browser.evaluate(told) == ["Effect"]
    browser.evaluate("setMeasure('attention')")
    go(browser, "#/overview?split=again")
    table = "[...document.querySelectorAll('#heads tbody tr')].map(row => row.innerText.split('\\t'))"
    assert browser.evaluate(table)[1] == ["Head 1", "0.00", "0%", "100%", "1.000"]
    assert browser.evaluate(table)[0][0] == "Mean of 2 heads"
    go(browser, "#/overview?split=test")
    assert browser.evaluate(table) == []


def test_the_attention_is_on_the_first_screen_with_what_it_says_of_a_step_beside_it(browser: Browser) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=1366, height=768, deviceScaleFactor=1, mobile=False)
    go(browser, "#/sentences/2?split=again")
    box = "(node => node.getBoundingClientRect().toJSON())(document.querySelector('%s'))"
    heatmap, step = (browser.evaluate(box % each) for each in ("#detail .frame", "#detail .step"))
    assert browser.evaluate("scrollY") == 0
    assert heatmap["top"] < 400
    assert step["left"] >= heatmap["right"]
    assert step["top"] == heatmap["top"]
    assert browser.evaluate(box % "#detail .others")["top"] > heatmap["bottom"]
    browser.evaluate("view.sources = Array(60).fill(view.sources[1])")
    browser.evaluate("attentionPlace(view.sentence)")
    assert browser.evaluate("attention.className") == "attention"  # there is no room for both
    browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
    browser.evaluate("renderDetail()")


def test_pointing_at_the_heatmap_names_the_cell_and_leaves_the_chosen_step(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=again")
    browser.wait_for("plot.dataset.listening && document.querySelectorAll('.row-labels div').length === 6")
    weights = browser.evaluate("view.weights[3]")
    least = weights.index(min(weights))
    browser.evaluate(f"chooseStep(1), plot.emit('plotly_hover', {{ points: [{{ x: {least}, y: 3 }}] }})")
    marks = "[stepMark, pointMark].map(mark => mark.hidden || Number(mark.style.getPropertyValue('--row')))"
    assert browser.evaluate(marks) == [1, 3]
    assert "Word 4 of 6" in browser.evaluate("document.querySelector('.step').innerText")
    pointed = browser.evaluate("document.querySelector('.attended .pointed').textContent")
    assert pointed == browser.evaluate(f"`${{view.sources[{least}].label}} ${{percent({weights[least]})}}`")
    assert browser.evaluate("plot.data[0].hoverinfo") == "none"  # a box would lie over the cells
    assert "What would stand for dog if" in browser.evaluate("document.querySelector('.insight').innerText")
    browser.evaluate("plot.emit('plotly_unhover')")
    assert browser.evaluate(marks) == [1, True]
    assert "Word 2 of 6" in browser.evaluate("document.querySelector('.step').innerText")


def test_a_source_word_whose_weight_is_a_sum_is_said_to_have_pieces(browser: Browser) -> None:
    attended = "[...document.querySelectorAll('.attended li')].map(({ textContent }) => textContent)"
    all_steps = f"view.targets.flatMap((_, step) => (chooseStep(step), {attended}))"
    for unit, said in (("words", True), ("subwords", False)):
        go(browser, f"#/sentences/2?unit={unit}&split=wide")
        browser.wait_for(f"view.index === 1 && view.unit === '{unit}'")
        names = {text.rpartition(" ")[0] for text in browser.evaluate(all_steps)}
        long = {f"{word} (2 pieces)" for word in ("Kinder", "spielen", "Garten")}
        assert bool(names & long) is said
        assert names & {"Zwei", "im"}
        legend = browser.evaluate("document.querySelector('#detail .legend').innerText")
        assert ("sum of their weights" in legend) is said


def test_an_address_leads_to_measure_form_and_marks(browser: Browser) -> None:
    go(browser, "#/sentences/2?measure=head-1&against=baseline&view=table&scale=auto&split=again")
    assert browser.evaluate("[view.measure.key, document.querySelector('.weights') !== null]") == ["head-1", True]
    pressed = "[...document.querySelectorAll('#detail [aria-pressed=true]')].map(node => node.textContent)"
    assert browser.evaluate(pressed) == ["Hypothesis", "1", "Words", "baseline", "Auto scale", "Table"]
    asked = browser.evaluate("location.hash")
    browser.evaluate("moveSentence(-1)")
    browser.wait_for("view.index === 0")
    assert browser.evaluate("location.hash") == asked.replace("/2", "/1")
    for key in ("attention", "against-reference", "Auto scale", "Table"):
        browser.evaluate(f"document.querySelector('#detail [data-focus=\"{key}\"]').click()")
    assert browser.evaluate("location.hash") == "#/sentences/1?split=again"
    go(browser, "#/sentences/2?measure=head-x&against=toString&view=chart&split=again")
    assert browser.evaluate("[view.measure.key, state.against, state.asTable]") == ["attention", "reference", False]


def test_colours_are_full_at_the_greatest_weight_where_that_is_asked_for(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=test")
    key = "document.querySelector('#detail .scale').textContent"
    limits = "heatmapFigure(view, 400, 'light').data[0]"
    assert browser.evaluate(f"[{key}, {limits}.zmax]") == ["attended to 0  1", 1]
    browser.evaluate("setForm({ scaled: true })")
    greatest = max(map(max, browser.evaluate("view.weights")))
    assert browser.evaluate(f"[{key}, {limits}.zmax]") == [f"attended to 0  {greatest:.2f}", greatest]
    assert browser.evaluate("[shadeOf(view.full, view), shadeOf(view.full / 2, view)]") == [1, 0.5]
    browser.evaluate("setForm({ scaled: false })")


def test_of_many_looks_those_that_matter_are_shown_and_all_where_asked_for(browser: Browser) -> None:
    """20 source tokens: all attention but for a trace is on the 18th; a look at the 2nd brings another word."""
    looks = """(async () => {
      const token = Array(20).fill().map((_, index) => `s${index}`);
      const pack = (values) => btoa(String.fromCharCode(...values.map((value) => Math.round(255 * Math.sqrt(value)))));
      const weights = token.map((_, index) => (index === 17 ? 0.9 : 0.005));
      const sure = token.map((_, index) => (index === 1 ? 0.8 : 0.1));
      const types = ["same", "other"];
      const tokens = token.map((_, index) => Number(index === 1));
      const own = { types, tokens, probabilities: pack(sure), written: pack(sure) };
      const hypothesis = { tokens: ["same"], attention: pack(weights), looks: own };
      const show = (all) => looksSection({ source: { tokens: token }, hypothesis }, 0, all, () => 0);
      const shown = (all) => [...show(all).querySelectorAll("li bdi.word, button")].map((node) => node.textContent);
      return [false, true].map(shown);
    })()"""
    few, every = browser.evaluate(looks)
    assert few[-1] == "Show all 20"
    assert len(few) == 13
    assert {"s1", "s17"} <= set(few)
    assert few[:-1] == sorted(few[:-1], key=lambda label: int(label[1:]))
    assert every == [f"s{index}" for index in range(20)]


def test_each_piece_of_a_word_has_its_looks_and_neighbours(browser: Browser) -> None:
    go(browser, "#/sentences/2?split=again")
    browser.evaluate("setUnit('words')")
    step = browser.evaluate("view.targets.findIndex(({ tokens }) => tokens.length > 1)")
    browser.evaluate(f"chooseStep({step})")
    pieces = browser.evaluate("view.targets[view.step].tokens.map(token => view.sentence.hypothesis.tokens[token])")
    choice = "[...document.querySelectorAll('[aria-label=Piece] button')]"
    assert browser.evaluate(f"{choice}.map(node => node.textContent)") == pieces
    told = "document.querySelector('.insight .hint strong').textContent"
    for index, piece in enumerate(pieces):
        browser.evaluate(f"{choice}[{index}].click()")
        assert browser.evaluate(told) == piece
        assert browser.evaluate(f"{choice}[{index}].ariaPressed") == "true"
    browser.evaluate("chooseStep(0)")
    assert browser.evaluate(f"{choice}.length") == 0


def test_a_training_pair_that_was_found_twice_is_shown_once(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=again")
    found = "[[0, 'a', 0, 1, 0.9], [1, 'a', 0, 1, 0.8], [0, 'a', 0, 1, 0.7]]"
    neighbours = f"{{ hypothesis: {{ tokens: ['a'], neighbors: [{found}] }} }}"
    shown = "[...neighborsSection(%s, 0).querySelectorAll('.share, strong')].map(node => node.textContent)"
    assert browser.evaluate(shown % neighbours) == ["2 of 2", "0.90", "0.80"]


def test_of_a_long_beam_the_part_in_view_is_drawn(browser: Browser) -> None:
    go(browser, "#/sentences/1?split=test")
    long = """{
      const { sentence } = view;
      const tokens = Array(400).fill("a");
      const beam = tokens.map(() => [[0, "a", -1], [0, "b", -2]]);
      const other = { ...sentence, beam, hypothesis: { ...sentence.hypothesis, tokens } };
      document.querySelector(".beam").replaceWith(beamSection(other, "hypothesis"));
    }"""
    browser.evaluate(long)
    drawn = "document.querySelectorAll('.beam .place').length"
    first = "Number(document.querySelector('.beam .place').getAttribute('transform').match(/[0-9]+/)[0])"
    assert 20 < browser.evaluate(drawn) < 80
    width = browser.evaluate("document.querySelector('.beam svg').getBoundingClientRect().width")
    assert width > 400 * 100
    browser.evaluate("tree.frame.scrollLeft = 20000")
    browser.wait_for(f"{first} > 15000")
    assert browser.evaluate(drawn) < 80
    assert browser.evaluate("document.querySelectorAll('.beam [tabindex=\"0\"]').length") == 1
    browser.evaluate("renderDetail()")


def test_labels_are_as_wide_as_what_is_shown_and_no_heatmap_is_wider_than_its_place(browser: Browser) -> None:
    widths = "['U', '\\u200d', '男人今天吃'].map(label => labelWidth([{ label, tokens: [] }]))"
    narrow, named, wide = browser.evaluate(widths)
    assert narrow < named  # U+200D
    assert wide > 4 * narrow
    units = "(count) => Array(count).fill().map((_, index) => ({ label: 'w'.repeat(1 + index % 7), tokens: [index] }))"
    sizes = browser.evaluate(
        f"Array(2000).fill().map((_, each) => [500 + each % 97, ({units})(2 + each % 19)])"
        ".map(([width, sources]) => heatmapSizes(sources, sources, width).width - width)"
    )
    assert max(sizes) <= 0


def test_the_beam_is_read_by_keyboard(browser: Browser) -> None:
    def press(key: str) -> list[Any]:
        browser.evaluate(
            f"document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        )
        return browser.evaluate(
            "[document.activeElement.textContent, document.querySelector('.beam-told strong').textContent]"
        )

    go(browser, "#/sentences/1?split=test")
    tokens = make_translation(*SENTENCES[0][:2]).tokens
    browser.evaluate("document.querySelector('.beam [tabindex=\"0\"]').focus()")
    assert press("ArrowRight") == [tokens[-1], " ".join(tokens)]  # nothing comes after the end
    for _ in range(len(tokens) - 1):
        press("ArrowLeft")
    assert press("ArrowUp") == ["other", "other"]
    assert press("ArrowRight") == ["other", "other other"]
    assert press("ArrowDown") == ["other", "other other"]  # the lowest
    assert browser.evaluate("[view.step, view.index]") == [0, 0]  # elsewhere the arrow keys move along these
    assert browser.evaluate("document.querySelectorAll('.beam [tabindex=\"0\"]').length") == 1
    press("j")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 2'")
    assert browser.evaluate("document.activeElement.closest('.beam') !== null")


def test_a_source_word_is_held_to_see_which_targets_look_at_it(browser: Browser) -> None:
    def press(key: str, shift: str) -> str:
        event = f"new KeyboardEvent('keydown', {{key: '{key}', shiftKey: {shift}, bubbles: true}})"
        browser.evaluate(f"document.body.dispatchEvent({event})")
        return browser.evaluate("document.querySelector('.step').innerText")

    step = "document.querySelector('.step').innerText"
    go(browser, "#/sentences/1?split=test")
    word = "document.querySelector('#detail [data-side=source][data-word=\"1\"]')"
    browser.evaluate(f"{word}.click(); document.querySelector('#detail .texts').dispatchEvent(new Event('mouseleave'))")
    attention = merged_attention(make_translation(*SENTENCES[0][:2]))[:, 2]
    words = ["A", "dog", "runs", "fast", ".", "</s>"]
    told = browser.evaluate(step).split()
    assert told[:9] == ["Source", "word", "2", "of", "5", "Hund", "is", "attended", "to"]
    assert told[10] == words[attention.argmax()]
    targets = "[...document.querySelectorAll('#detail [data-side=target]')]"
    shades = browser.evaluate(f"{targets}.map(node => Number(node.style.getPropertyValue('--weight')))")
    np.testing.assert_allclose(shades, attention[:-1], atol=0.008)
    assert press("ArrowRight", "true").startswith("Source word 3 of 5")
    assert press("Escape", "false").startswith("Word 1 of 6")
    assert press("ArrowLeft", "true").startswith("Source word 5 of 5")
    assert press("ArrowRight", "false").startswith("Word 2 of 6")


def test_how_a_place_began_is_read_in_the_direction_of_its_text(browser: Browser) -> None:
    """Each token stands by itself, so that no mark or special token joins the words around it."""
    go(browser, "#/sentences/1?split=test")
    texts = "[...line.children].map(node => node.textContent).join(' ')"
    told = f"(line => [line.dir, {texts}])(document.querySelector('.beam-told strong'))"
    found = make_translation(*SENTENCES[0][:2])
    assert browser.evaluate(told) == ["ltr", " ".join(found.tokens)]
    begun = "{ token: '\\u05e9', parent: { token: '\\u2581', parent: null } }"
    browser.evaluate(f"tellPlace({{ ...tree.best, token: 'X', parent: {begun} }})")
    assert browser.evaluate(told) == ["rtl", "\u2581 \u05e9 X"]
    assert browser.evaluate("getComputedStyle(document.querySelector('.beam-told')).direction") == "ltr"
    scripts = "['\\u0627', '1 \\u05d0', '\\u07ca', '\\ud83a\\udd00', 'a \\u0627', '\\u4e00']"
    assert browser.evaluate(f"{scripts}.map(isRightToLeft)") == [True, True, True, True, False, False]


def test_the_beam_is_a_tree_whose_places_tell_how_they_began(browser: Browser) -> None:
    go(browser, "#/sentences/1")
    found = make_translation(*SENTENCES[0][:2])
    assert browser.evaluate("document.querySelector('.beam svg').getAttribute('aria-label')") == (
        f"Beam of 2 over {len(found.tokens)} steps; found: {found.text}"
    )
    texts = "[...document.querySelectorAll('.place.%s text')].map(node => node.textContent)"
    assert browser.evaluate(texts % "found") == list(found.tokens)
    assert [browser.evaluate(texts % kind) for kind in ("open", "dropped", "ended")] == [["other"], ["other"], []]
    assert browser.evaluate("document.querySelectorAll('.edge').length") == len(found.tokens)
    told = "document.querySelector('.beam-told').textContent"
    score = f"score −{-found.log_prob / len(found.tokens):.3f}"
    own = f" found; {score}; log-probability −{-found.log_prob:.2f}, of the token −{-found.token_log_probs[-1]:.2f}"
    assert browser.evaluate(told) == " ".join(found.tokens) + own
    point = "document.querySelector('.place.dropped').dispatchEvent(new Event('pointerenter'))"
    browser.evaluate(point)
    assert browser.evaluate(told).startswith("other other dropped: at the next step others were more probable; ")
    assert browser.evaluate(told).endswith("log-probability −4.13, of the token −4.00")
    assert browser.evaluate("document.querySelectorAll('.place.line').length") == 2
    assert browser.evaluate("beamScore({ score: -0.5, found: false }, { score: -0.25 })") == (
        "; score −0.500, of what was found −0.250"
    )
    paleness = "(node => [node, node.querySelector('text')].map(each => getComputedStyle(each).opacity))"
    assert browser.evaluate(f"{paleness}(document.querySelector('.place.dropped'))") == [
        "1",
        "1",
    ]  # text stays readable
    go(browser, "#/sentences/4")
    assert browser.evaluate("document.querySelector('.beam')") is None


def test_the_table_view_holds_the_merged_weights(browser: Browser) -> None:
    go(browser, "#/sentences/1")
    browser.evaluate("setForm({ asTable: !state.asTable })")
    rows = browser.evaluate(
        "[...document.querySelectorAll('.weights tr')].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    browser.evaluate("setForm({ asTable: !state.asTable })")
    assert rows[0] == ["", "<s>", "Ein", "Hund", "läuft", "schnell", "."]
    assert [row[0] for row in rows[1:]] == ["A", "dog", "runs", "fast", ".", "</s>"]
    weights = merged_attention(make_translation(*SENTENCES[0][:2]))
    shown = np.array([[float(cell) for cell in row[1:]] for row in rows[1:]])
    np.testing.assert_allclose(shown, weights, atol=0.013)


def test_keys_move_between_sentences_and_switch_the_unit(browser: Browser) -> None:
    def press(key: str) -> None:
        browser.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))")

    go(browser, "#/sentences/1")
    press("j")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 2'")
    press("k")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 1'")
    for focused in ("frame", "document.querySelector('.saving button')"):
        browser.evaluate(f"{focused}.focus()")
        browser.evaluate("renderDetail()")
        assert browser.evaluate(f"document.activeElement === {focused}")
    press("w")
    browser.wait_for(f"{AXIS_LABELS % 'x'}.includes('schn')")
    press("w")
    browser.wait_for(f"{AXIS_LABELS % 'x'}.includes('schnell')")
    press("ArrowRight")
    assert "Word 2 of 6" in browser.evaluate("document.querySelector('.step').innerText")


def test_the_step_stays_at_its_token_when_the_unit_changes(browser: Browser) -> None:
    go(browser, "#/sentences/1")
    browser.evaluate("chooseStep(3)")
    chosen = browser.evaluate("view.targets[view.step].label")
    browser.evaluate("setUnit('subwords')")
    assert browser.evaluate("view.targets[view.step].tokens[0]") == browser.evaluate("view.step") >= 3
    browser.evaluate("setUnit('words')")
    assert browser.evaluate("[view.step, view.targets[view.step].label]") == [3, chosen]


def test_an_address_leads_to_a_step(browser: Browser) -> None:
    def press(key: str) -> None:
        browser.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))")

    step = "document.querySelector('.step').innerText.split('\\n')[0]"
    go(browser, "#/sentences/1?split=test")
    go(browser, "#/sentences/2?split=test")
    assert browser.evaluate(step).startswith("Word 2 of 6")  # where it begins to differ from the reference
    press("ArrowRight")
    browser.wait_for("location.hash === '#/sentences/2?step=3&split=test'")
    browser.evaluate("document.querySelector('#table .col-chrf button').click()")
    assert browser.evaluate("location.hash") == "#/sentences/2?sort=chrf&step=3&split=test"
    press("w")
    assert browser.evaluate("location.hash") == "#/sentences/2?sort=chrf&unit=subwords&step=3&split=test"
    press("j")
    browser.wait_for("view.index !== 1")
    assert "step" not in browser.evaluate("location.hash")
    go(browser, "#/sentences/2?shown=reference&unit=subwords&step=7&split=test")
    browser.wait_for(f"{step}.startsWith('Step 7 of 10')")
    press("r")
    assert browser.evaluate(step).startswith("Step 2 of 7")
    assert browser.evaluate("location.hash") == "#/sentences/2?unit=subwords&split=test"
    go(browser, "#/sentences/2?step=99&split=test")
    assert browser.evaluate(step).startswith("Word 6 of 6")
    browser.evaluate("byId('search').value = 'dog'; onSearch()")
    assert browser.evaluate("location.hash") == "#/sentences/1?q=dog&split=test"
    for wrong in ("0", "-1", "x"):
        go(browser, f"#/sentences/2?step={wrong}&split=test")
        browser.wait_for(f"{step}.startsWith('Word 2 of 6')")
        go(browser, "#/sentences/1?split=test")


def test_addresses_keep_search_and_order_and_say_what_is_missing(browser: Browser) -> None:
    go(browser, "#/sentences?split=many&q=SATZ+99&sort=-chrf")
    browser.wait_for("document.getElementById('count').textContent === '11 of 1,000 sentences'")
    assert browser.evaluate("[document.getElementById('search').value, state.sort.key, state.sort.descending]") == [
        "SATZ 99", "chrf", True,
    ]  # fmt: skip
    browser.evaluate("document.getElementById('search').value = 'Satz 7.'; onSearch()")
    assert browser.evaluate("location.hash") == "#/sentences/7?q=Satz+7.&sort=-chrf&split=many"
    assert shown_sentence(browser) == "Sentence 7"
    go(browser, "#/sentences/1001?split=many")
    browser.wait_for("document.getElementById('detail').innerText.includes('There is no sentence 1001 in many')")
    go(browser, "#/sentences/1?split=never&flag=toString&chrf=a-b")
    assert "no evaluation “never”" in browser.evaluate("document.getElementById('missing').innerText")
    assert browser.evaluate("JSON.stringify(state.filter)") == "{}"


def test_words_are_found_sorted_and_lead_to_their_sentences(browser: Browser) -> None:
    shown = "[...document.querySelectorAll('#word-table tbody tr')].map(row => row.children[0].textContent)"
    go(browser, "#/words?split=many&q=sATZ")
    assert browser.evaluate(shown) == ["Satz"]
    assert browser.evaluate("document.querySelector('#word-table tbody td').textContent") == "999"
    assert browser.evaluate("document.getElementById('word-count').textContent") == "1 word"
    browser.evaluate("changeWords({ query: '' })")
    assert browser.evaluate(f"{shown}.length") == 100
    browser.evaluate("document.getElementById('more-words').click()")
    assert browser.evaluate(f"{shown}.length") == 200
    browser.evaluate("document.querySelector('#word-table th button').click()")  # by the word itself
    assert browser.evaluate("location.hash") == "#/words?sort=word&split=many"
    words = browser.evaluate(shown)
    assert words == sorted(words)
    assert len(words) == 100
    order = "document.querySelector('#word-table th').getAttribute('aria-sort')"
    assert browser.evaluate(order) == "ascending"
    go(browser, "#/words?sort=-passed_over&split=many")
    shares = browser.evaluate(
        "state.evaluation.words.filter(({ count }) => count >= 5).map(each => each.passed_over.length / each.count)"
    )
    cells = browser.evaluate("[...document.querySelectorAll('#word-table td:nth-child(4)')].map(td => td.textContent)")
    assert len(shares) == 2  # "Satz" and the full stop; the rarer ones come behind them
    assert [cell.split()[-1] for cell in cells[:2]] == [
        f"({share:.0%})" if share else "–" for share in sorted(shares, reverse=True)
    ]


def test_a_word_leads_to_the_sentences_that_have_it_as_a_whole_or_pass_over_it(browser: Browser) -> None:
    count = "document.getElementById('count').textContent"
    go(browser, "#/words?q=Satz&split=many")
    browser.evaluate("document.querySelector('#word-table tbody th a').click()")
    browser.wait_for(f"{count} === '999 of 1,000 sentences'")
    go(browser, "#/sentences?word=im&split=many")
    browser.wait_for(f"{count} === '1 of 1,000 sentences'")
    assert shown_sentence(browser) == "Sentence 1"
    go(browser, "#/sentences?word=i&split=many")  # which stands in many words
    browser.wait_for(f"{count} === '0 of 1,000 sentences'")
    go(browser, "#/sentences?word=im&split=many")
    chip = "[...document.querySelectorAll('#chips button')].find(each => each.textContent === '“%s” ×')"
    browser.evaluate(f"({chip % 'im'}).click()")
    browser.wait_for(f"{count} === '1,000 sentences'")
    go(browser, "#/words?q=Ja&split=test")
    browser.evaluate("document.querySelector('#word-table td a').click()")
    browser.wait_for(f"{count} === '1 of 4 sentences'")
    assert browser.evaluate("[location.hash, state.rows]") == ["#/sentences?passed_over=Ja&split=test", [3]]


def test_a_word_in_quotes_is_found_between_characters_that_are_words(browser: Browser) -> None:
    go(browser, "#/sentences?split=test")
    finds = "pattern({!r}).test(folded({!r}))"
    for text, quoted in [
        ("男人今天吃。", "男人"),
        ("私はカバー", "カ"),
        ("ฉันรักคุณ", "รัก"),
        ("ខ្មែរ", "រ"),
        ("手机iPhone", "iphone"),
    ]:
        assert browser.evaluate(finds.format(f'"{quoted}"', text)), quoted
    for text, quoted in [("iPhones手机", "iPhone"), ("한국어를", "한국어"), ("नमस्ते", "नमस")]:
        assert not browser.evaluate(finds.format(f'"{quoted}"', text)), quoted
    found = {"words": "狗 在 the dog , 。", "references": 5, "right": [4]}
    link = f"ngramRows([{json.dumps(found)}])[0].querySelector('a').hash"
    assert browser.evaluate(f"new URLSearchParams({link}.split('?')[1]).get('q')") == '"狗在the dog,。"'


def test_words_of_one_token_stand_together(browser: Browser) -> None:
    go(browser, "#/sentences?split=test")
    side = {
        "words": ["男", "人", "吃"],
        "tokens": ["<s>", "▁", "男人", "吃"],
        "words_of_token": [[], [0, 1], [0, 1], [2]],
    }
    units = browser.evaluate(f"unitsOf({json.dumps(side)}, 'words')")
    assert [(each["label"], each["words"], each["tokens"]) for each in units] == [
        ("<s>", [], [0]),
        ("男人", [0, 1], [1, 2]),
        ("吃", [2], [3]),
    ]


def test_labels_show_what_has_no_width_unless_it_shapes_a_character(browser: Browser) -> None:
    go(browser, "#/sentences?split=test")
    shown = {
        "\u200d": "U+200D",
        "\ufe0f": "U+FE0F",
        "a\u00adb": "aU+00ADb",
        "\u202eab": "U+202Eab",
        "❤️": "❤️",
        "👩\u200d👧": "👩\u200d👧",
        "می\u200cخ": "می\u200cخ",
        "\u0301": "◌\u0301",
        "ิน": "◌ิน",
    }
    for token, label in shown.items():
        assert browser.evaluate(f"visible({json.dumps(token)})") == label


def test_words_never_seen_in_training_are_marked_counted_and_ordered_by(browser: Browser) -> None:
    heads = "[...document.querySelectorAll('#word-table th[scope=col]')].map(node => node.textContent)"
    row = "[...document.querySelectorAll('#word-table tbody tr')].find(row => row.cells[0].textContent === '%s')"
    go(browser, "#/words?split=again")
    assert browser.evaluate(heads)[2] == "In training"
    assert browser.evaluate(f"[{row % 'Hund'}.cells[2].textContent, {row % 'Kinder'}.cells[2].textContent]") == [
        "3",
        "0",
    ]
    browser.evaluate("document.querySelector('#word-table .col-in_training button').click()")
    assert browser.evaluate("location.hash") == "#/words?sort=-in_training&split=again"
    assert browser.evaluate("document.querySelector('#word-table tbody th').textContent") == "."
    go(browser, "#/words?split=test")
    assert "In training" not in browser.evaluate(heads)
    unseen = "[...document.querySelectorAll('.texts .unseen')].map(node => node.textContent)"
    go(browser, "#/sentences/2?split=again")
    assert browser.evaluate(unseen) == ["Zwei", "Kinder", "spielen", "im", "Garten"]
    assert "nowhere in the training data" in browser.evaluate("document.querySelector('#detail .legend').innerText")
    go(browser, "#/sentences/1?split=again")
    assert browser.evaluate(unseen) == []
    assert "nowhere in the training data" not in browser.evaluate("document.querySelector('#detail .legend').innerText")
    go(browser, "#/sentences/2?split=test")  # where it is not known
    assert browser.evaluate(unseen) == []
    go(browser, "#/sentences?sort=rarest&split=again")
    assert browser.evaluate("state.rows") == [1, 2, 0, 3]
    go(browser, "#/sentences?rarest=1-4&split=again")
    assert browser.evaluate("state.rows") == [0]
    go(browser, "#/sentences?rarest=0-&split=test")
    assert browser.evaluate("state.rows") == []


def test_the_tables_of_errors_lead_to_their_sentences(browser: Browser) -> None:
    titles = "[...document.querySelectorAll('#errors h2')].map(node => node.textContent)"
    first = (
        "[...document.querySelectorAll('#errors tbody')].map(({ rows }) => "
        "[...rows[0].cells].map(cell => cell.innerText))"
    )
    go(browser, "#/errors?split=test")
    assert browser.evaluate(titles) == ["By length"]
    assert browser.evaluate("byId('errors').innerText.includes('the difference from before, the baseline')")
    assert browser.evaluate("byId('errors').innerText.includes('was not kept')")
    row = browser.evaluate(first)[0]
    assert row[:2] == ["below 10", "3"]
    assert [len(cell.split()) for cell in row[2:]] == [2, 2, 2]
    go(browser, "#/errors?split=again")
    assert browser.evaluate(titles) == ["By length", "By the rarest source word"]
    assert [row[:2] for row in browser.evaluate(first)] == [["below 10", "3"], ["0", "2"]]
    told = browser.evaluate("byId('errors').innerText")
    assert "counted in 100 of 300 training pairs" in told
    assert "was not kept" not in told
    browser.evaluate("[...document.querySelectorAll('#errors tbody')][1].querySelector('a').click()")
    browser.wait_for("location.hash === '#/sentences?rarest=0-0&split=again'")
    assert browser.evaluate("state.rows") == [1, 2]
    go(browser, "#/sentences?length=0-4&split=again")
    assert browser.evaluate("state.rows") == [3]
    chips = "[...document.querySelectorAll('#chips button')].map(node => node.textContent)"
    assert browser.evaluate(chips)[0] == "below 5 source words ×"
    go(browser, "#/errors?split=test")
    often = {"word": "kids", "references": 0, "written": [1, 3]}
    seldom = {"word": "<i>", "references": 9, "written": [8, 2]}
    gained = {"words": "the garden .", "references": 5, "right": [0, 4]}
    found = json.dumps({"too_often": [often], "too_seldom": [seldom], "gained": [gained]})
    browser.evaluate(f"Object.assign(state.evaluation.breakdown, {found}); renderErrors()")
    rows = [["kids", "0", "3 (1)"], ["<i>", "9", "2 (8)"], ["the garden .", "5", "4 (0)"]]
    assert browser.evaluate(first)[1:] == rows
    browser.evaluate("[...document.querySelectorAll('#errors tbody')][3].querySelector('a').click()")
    browser.wait_for("state.query === '\"the garden.\"'")
    assert browser.evaluate("state.rows") == [1]
    go(browser, "#/errors?split=test")
    browser.evaluate("[...document.querySelectorAll('#errors tbody')][1].querySelector('a').click()")
    browser.wait_for("location.hash === '#/sentences?written=kids&split=test'")
    assert browser.evaluate("state.rows") == [1]
    assert browser.evaluate(chips)[0] == "“kids” too often ×"
    go(browser, "#/sentences?missing=children&split=test")
    assert browser.evaluate("state.rows") == [1]
    go(browser, "#/sentences?written=children&split=test")
    assert browser.evaluate("state.rows") == []
    browser.evaluate("Object.assign(state.evaluation.breakdown, { too_often: [], too_seldom: [], gained: [] })")


def test_where_the_model_was_unsure_is_seen_and_found_by_a_key(browser: Browser) -> None:
    go(browser, "#/sentences/2?split=test")
    browser.evaluate("setUnit('words')")
    browser.wait_for("document.querySelectorAll('.row-labels div').length")
    bars = (
        "[...document.querySelectorAll('.row-labels div')].map(node => Number(node.style.getPropertyValue('--unsure')))"
    )
    record = make_translation(*SENTENCES[1][:2], finished=False)
    words = words_of_tokens(record.text, record.tokens, record.spans)
    nats = [-sum(p for p, own in zip(record.token_log_probs, words, strict=True) if own == [each]) for each in range(6)]
    assert browser.evaluate(bars) == [pytest.approx(each / 4, abs=1e-3) for each in nats]
    ranked = sorted(range(6), key=lambda each: (-nats[each], each))
    press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'u', bubbles: true}))"
    chosen = []
    for _ in range(3):
        browser.evaluate(press)
        chosen.append(browser.evaluate("view.step"))
    assert chosen == ranked[:3]
    browser.evaluate("chooseStep(0)")
    browser.evaluate(press)
    assert browser.evaluate("view.step") == ranked[0]


def test_a_command_that_goes_on_from_an_alternative_is_copied(browser: Browser) -> None:
    go(browser, "#/sentences/2?split=test")
    folder = browser.evaluate("REPORT.run.folder")
    browser.evaluate("setUnit('words'); setShown('hypothesis'); chooseStep(1)")
    browser.evaluate("[...document.querySelectorAll('.copy')][1].click()")
    command = browser.evaluate("document.querySelector('.onward').textContent")
    assert shlex.split(command) == ["nmt", "translate", folder, SENTENCES[1][0], "--prefix", "Twoother"]
    browser.evaluate("state.evaluation.search_flags = ['--length-penalty', '-0.5', '--ensemble', \"it's\"]")
    browser.evaluate("[...document.querySelectorAll('.copy')][1].click()")
    asked = shlex.split(browser.evaluate("document.querySelector('.onward').textContent"))
    assert asked[-6:] == ["--prefix", "Twoother", "--length-penalty", "-0.5", "--ensemble", "it's"]
    browser.evaluate("state.evaluation.search_flags = []")
    texts = {
        "['▁It', \"'\", 's', '▁a']": "It's a",
        "['das', '##s', '▁<0xC3>'.slice(1), '<0xA4>']": "dassä",
    }
    for tokens, text in texts.items():
        assert browser.evaluate(f"textOfTokens({tokens})") == text
    assert browser.evaluate('quoted("It\'s")') == "'It'\\''s'"
    browser.evaluate("setShown('baseline'); chooseStep(0)")  # which another run has written
    assert browser.evaluate("document.querySelectorAll('.copy').length") == 0
    go(browser, "#/sentences/1?split=test")
    browser.evaluate("setShown('hypothesis'); chooseStep(view.targets.length - 1)")  # there is nothing behind the end
    assert browser.evaluate("[...document.querySelectorAll('.copy')].map(node => node.title)") == [
        "Copy the command that translates on from “other”"
    ]
    browser.evaluate("chooseStep(0)")


def test_what_is_searched_for_is_marked_also_where_the_list_shows_another_text(browser: Browser) -> None:
    def found(place: str) -> list[str]:
        return browser.evaluate(f"[...CSS.highlights.get('found-in-{place}')].map(String)")

    second = "document.querySelectorAll('#table tbody tr:not(.blank) .line')[1].innerText"
    go(browser, "#/sentences?split=test&q=GARDEN")
    assert found("list") == ["garden"] == found("detail")
    assert browser.evaluate(second).startswith("Reference:")
    go(browser, "#/sentences?split=test&q=kids+children")
    assert browser.evaluate(second).startswith("What if:")
    assert found("detail") == ["kids children"]  # over two elements
    go(browser, "#/sentences?split=test&q=kid")
    assert found("list") == ["kid"] * 3
    assert browser.evaluate(second).startswith("Two kids")
    for query, rows in (
        ('"kid"', []),
        ('"kids"', [1]),
        ('"run"', []),
        ('"uns"', []),
        ("run", [0]),
        ('"."', [0, 1, 2, 3]),
    ):
        browser.evaluate(f"document.getElementById('search').value = '{query}'; onSearch()")
        assert browser.evaluate("state.rows") == [row for row in rows if row != 2], query
    for query in ("two k", "kids"):
        browser.evaluate(f"document.getElementById('search').value = '{query}'; onSearch()")
        assert {each.lower() for each in found("detail")} == {query}
    browser.evaluate("document.getElementById('search').value = 'strasse'; onSearch()")
    assert browser.evaluate("[placesFound('Die Straße'), placesFound('e\u0301')]") == [[[4, 10]], []]
    browser.evaluate("document.getElementById('search').value = ''; onSearch()")
    assert found("list") == [] == found("detail")


def test_another_evaluation_keeps_the_sentence_and_what_was_asked_for(browser: Browser) -> None:
    def choose(label: str) -> None:
        browser.evaluate(f"byId('split').value = '{label}'; byId('split').dispatchEvent(new Event('change'))")
        browser.wait_for(f"state.evaluation.label === '{label}'")

    go(browser, "#/sentences/2?split=test&q=garden&sort=-chrf&kind=worse")
    choose("again")
    assert browser.evaluate("location.hash") == "#/sentences/2?kind=worse&q=garden&sort=-chrf&split=again"
    choose("many")
    assert browser.evaluate("location.hash") == "#/sentences?kind=worse&q=garden&sort=-chrf&split=many"
    go(browser, "#/words?q=Kinder&sort=word&split=test")
    choose("many")
    assert browser.evaluate("location.hash") == "#/words?q=Kinder&sort=word&split=many"
    go(browser, "#/sentences?split=test")


@pytest.mark.parametrize(("width", "least"), [(1280, 300), (1440, 350), (1920, 380)])
def test_the_list_leaves_room_for_the_texts(browser: Browser, width: int, least: int) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    go(browser, "#/sentences/2?split=test")
    line = "document.querySelectorAll('#table tbody tr:not(.blank) .line')[3]"
    assert browser.evaluate(f"{line}.clientWidth") >= least
    assert browser.evaluate(f"[{line}.title, {line}.firstChild.tagName]") == [SENTENCES[1][1], "BDI"]  # flags behind it
    flagged = "firstFlag({ flags: ['long', 'search_error', 'seen'] })"
    told = ["much longer +2", "much longer, search error, seen in training"]
    assert browser.evaluate(f"(flag => [flag.textContent, flag.title])({flagged})") == told
    widths = f"[{line}.querySelector('.flag').offsetWidth, {line}.clientWidth]"
    browser.evaluate(f"{line}.querySelector('.flag').textContent = 'as for another source, and all others'")
    flag, whole = browser.evaluate(widths)
    assert flag <= 0.4 * whole + 1
    browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)


def test_a_slider_goes_through_the_validations_of_a_sample(browser: Browser) -> None:
    texts = "[...document.querySelectorAll('#sample-texts dd')].map(node => node.textContent)"
    go(browser, "#/training")
    assert browser.evaluate(texts) == ["Drei Hunde.", "Three dogs!", "Three dogs."]
    assert browser.evaluate("document.getElementById('sample-step-name').textContent") == "step 100, validation 2 of 2"
    browser.evaluate("document.getElementById('sample-step').value = 0")
    browser.evaluate("document.getElementById('sample-step').dispatchEvent(new Event('input'))")
    assert browser.evaluate(texts) == ["Drei Hunde.", "Three dogs!", "Dogs dogs dogs"]
    assert browser.evaluate("[...document.querySelectorAll('#sample-texts ins')].map(node => node.textContent)") == [
        "Dogs", "dogs",
    ]  # fmt: skip
    weights = merged_attention(make_translation("Drei Hunde.", "Dogs dogs dogs"))
    shown = "[...document.querySelectorAll('#sample-attention td[style]')].map(node => Number(node.textContent))"
    np.testing.assert_allclose(browser.evaluate(shown), weights.flatten(), atol=0.0101)
    browser.evaluate("document.querySelectorAll('#sample-choice button')[1].click()")
    assert browser.evaluate(f"{texts}[0]") == HOSTILE
    browser.evaluate("watch({ sample: 0, validation: Infinity })")


def test_the_skip_link_leads_to_the_sentence_and_leaves_the_page(browser: Browser) -> None:
    go(browser, "#/sentences/2")
    browser.evaluate("document.querySelector('.skip').click()")
    assert browser.evaluate("[location.hash, document.activeElement.id]") == ["#/sentences/2", "detail"]
    assert browser.evaluate("document.querySelectorAll('#table tbody a:not([tabindex])').length") == 1  # for Tab


def test_a_dark_page_is_printed_light(browser: Browser) -> None:
    go(browser, "#/sentences/2")
    browser.evaluate("setTheme('dark')")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate("[currentTheme(), plot.layout.width <= PAPER_WIDTH]") == ["light", True]
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate("currentTheme()") == "dark"
    go(browser, "#/overview")
    chart = "document.querySelector('#distribution')"
    colour = f"[{chart}.layout?.paper_bgcolor, {chart}.layout?.width]"
    browser.wait_for(f"{colour}[0] === '#1a2027'")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate(colour) == ["#ffffff", browser.evaluate("PAPER_WIDTH")]
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
    browser.wait_for(f"{colour}[0] === '#1a2027'")
    widths = browser.wait_for(f"[{chart}._fullLayout?.width, {chart}.offsetWidth]")
    assert widths[0] == pytest.approx(widths[1], abs=1)  # as wide as its box again
    browser.evaluate("setTheme('light'); redraw()")


def test_a_heatmap_wider_than_paper_is_printed_smaller(browser: Browser) -> None:
    zoom = "Number(canvas.style.zoom)"
    go(browser, "#/sentences/3?split=test&unit=subwords")  # of many tokens
    browser.wait_for("plot.data?.[0].z === view.weights")
    browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    wide, width = browser.evaluate("[plot.layout.width, PAPER_WIDTH]")
    assert wide > width
    assert browser.evaluate(zoom) == pytest.approx(width / wide)
    browser.send("Emulation.setEmulatedMedia", media="print")
    browser.send("Emulation.setDeviceMetricsOverride", width=718, height=1000, deviceScaleFactor=1, mobile=False)
    browser.evaluate("new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))")
    assert browser.evaluate(zoom) == pytest.approx(width / wide)
    browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
    browser.send("Emulation.setEmulatedMedia", media="")
    browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
    browser.wait_for(f"{zoom} === 1")
    browser.evaluate("setUnit('words')")


def test_labels_that_look_like_markup_are_shown_as_text(browser: Browser) -> None:
    go(browser, "#/sentences/1")
    browser.evaluate("Object.assign(view.sources[1], { label: '<b>x</b>&amp;<br>' })")
    browser.evaluate("drawHeatmap(plot, view)")
    assert browser.evaluate(AXIS_LABELS % "x")[:2] == ["<s>", "<b>x</b>&amp;<br>"]
    assert browser.evaluate(AXIS_LABELS % "y")[-1] == "</s>"


def test_the_reference_is_shown_as_the_decoder_was_forced_to_it(browser: Browser) -> None:
    reference = SENTENCES[1][2]
    go(browser, "#/sentences/2")
    browser.wait_for(f"{AXIS_LABELS % 'y'}.includes('kids')")
    browser.evaluate("document.querySelector('[data-focus=reference]').click()")
    browser.wait_for(f"{AXIS_LABELS % 'y'}.includes('garden')")
    assert browser.evaluate(AXIS_LABELS % "y") == [*reference.removesuffix(".").split(), ".", "</s>"]
    weights = merged_attention(make_translation(SENTENCES[1][0], reference))
    np.testing.assert_allclose(browser.evaluate("plot.data[0].z"), weights, atol=0.008)
    assert "Word 2 of 8" in browser.evaluate("document.querySelector('.step').innerText")  # where the two differ
    browser.evaluate("document.querySelector('#detail [data-side=target][data-word=\"2\"]').click()")
    assert "Word 3 of 8" in browser.evaluate("document.querySelector('.step').innerText")
    browser.evaluate("document.querySelector('#detail del[data-word=\"1\"]').click()")  # "children"
    assert "Word 2 of 8" in browser.evaluate("document.querySelector('.step').innerText")
    shown = "[...document.querySelectorAll('#detail .alternatives .written bdi')].map(node => node.textContent)"
    assert browser.evaluate(shown) == ["chil", "dren"]
    facts = browser.evaluate("document.querySelector('.facts-line').innerText")
    found, forced = make_translation(*SENTENCES[1][:2], finished=False), make_forced(*SENTENCES[1])
    assert f"log-probability −{-forced.log_prob:.2f}, hypothesis −{-found.log_prob:.2f}" in facts
    title = browser.evaluate("document.querySelector('.facts-line [title*=score]').title")
    assert title == f"The search ranks by a score: −{-forced.score:.2f}, hypothesis −{-found.score:.2f}"
    assert "search error" in facts
    assert "shown=reference" in browser.evaluate("location.hash")
    browser.evaluate("moveSentence(-1)")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 1'")
    assert browser.evaluate("[view.shown, location.hash.includes('shown=reference')]") == ["reference", True]
    browser.evaluate("moveSentence(1)")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 2'")
    browser.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'r', bubbles: true}))")
    assert "shown" not in browser.evaluate("location.hash")
    browser.wait_for(f"{AXIS_LABELS % 'y'}.includes('kids')")


def test_a_baseline_is_shown_beside_the_run(browser: Browser) -> None:
    go(browser, "#/overview?split=test")
    rows = "[...document.querySelectorAll('#scores tbody tr')]"
    lines = browser.evaluate(f"{rows}.map(row => [...row.cells].map(cell => cell.textContent))")
    assert [line[0] for line in lines] == ["BLEU", "TER lower is better", "AER lower is better"]
    assert lines[0][4].startswith("−")
    assert lines[2] == ["AER lower is better", "0.250", "–", "1.000", "0.000", "0.000 to 0.000", "1.000"]
    settings = browser.evaluate("document.querySelector('#against .settings').textContent")
    assert settings == "Settings that differ, the baseline’s first: seed <b>2</b> → 1 "
    against = browser.evaluate("byId('against').innerText")
    assert "The baseline: before · beam 5" in against
    assert "0 better, 1 worse, 0 alike, 3 same text" in against
    links = browser.evaluate("[...document.querySelectorAll('#against a')].map(({ textContent }) => textContent)")
    assert links == ["1 worse", "3 same text", "largest gains", "largest losses"]
    browser.evaluate("[...document.querySelectorAll('#against a')].at(-1).click()")  # the largest losses
    browser.wait_for("location.hash === '#/sentences?sort=gain&split=test'")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 2'")
    assert browser.evaluate("document.querySelector('#table .col-gain button').textContent") == "Gain ↑"
    browser.evaluate("document.querySelector('[data-focus=baseline]').click()")
    browser.wait_for(f"{AXIS_LABELS % 'y'}.includes('children')")
    browser.evaluate("setUnit('subwords')")
    assert browser.wait_for(f"{AXIS_LABELS % 'x'}.includes('Kinder')")  # its tokens are whole words
    weights = make_translation(*BETTER[1][:2], longest=50).attention
    np.testing.assert_allclose(browser.evaluate("plot.data[0].z"), weights, atol=0.004)
    browser.evaluate("setUnit('words'); setShown('hypothesis')")
    go(browser, "#/overview?split=many")
    assert browser.evaluate("byId('against').innerText") == ""
    go(browser, "#/sentences/1?split=many")
    assert browser.evaluate("document.querySelector('#table .col-gain')") is None


def test_numbers_and_beam_are_those_of_what_is_shown(browser: Browser) -> None:
    def shown(side: str) -> tuple[list[str], list[str]]:
        browser.evaluate(f"setShown('{side}')")
        facts = "[...document.querySelectorAll('.facts-line > span')].map(node => node.textContent)"
        title = "document.querySelector('.beam h3').textContent"
        svg = "document.querySelector('.beam svg').getAttribute('aria-label').split('; ')[1]"
        return browser.evaluate(facts), browser.evaluate(f"[{title}, {svg}]")

    go(browser, "#/sentences/2?split=test")
    source, reference = SENTENCES[1][0], SENTENCES[1][2]
    records = {"hypothesis": SENTENCES[1][1], "baseline": BETTER[1][1], "reference": reference}
    for side, text in records.items():
        record = make_translation(source, text, finished=side != "hypothesis", longest=50 if side == "baseline" else 5)
        facts, beam = shown(side)
        assert facts[0] == f"{side.capitalize()}:"
        confidence = math.exp(record.log_prob / len(record.tokens))
        assert f"confidence {confidence:.2f}" in facts
        assert f"entropy {attention_entropy(record.attention).mean():.2f}" in facts
        chrf = [sentence_chrf(each, [reference]).score for each in (text, records["baseline"], records["hypothesis"])]
        expected = {
            "hypothesis": f"chrF {chrf[0]:.1f}, baseline {chrf[1]:.1f}",
            "baseline": f"chrF {chrf[0]:.1f}, hypothesis {chrf[2]:.1f}",
        }
        assert [fact for fact in facts if fact.startswith("chrF")] == [*filter(None, [expected.get(side)])]
        [log_prob] = [fact for fact in facts if fact.startswith("log-probability")]
        assert log_prob.startswith(f"log-probability −{-record.log_prob:.2f}")
        flags = [flag for flag in ("cut off", "much shorter") if flag in facts]
        assert flags == ["much shorter" if side == "baseline" else "cut off"]
        whose = "baseline" if side == "baseline" else "hypothesis"
        assert beam == [f"Beam of the {whose}", f"found: {records[whose]}"]
    shown("hypothesis")


def test_which_faults_came_and_which_went_is_listed(browser: Browser) -> None:
    go(browser, "#/overview?split=test")
    item = "[...document.querySelectorAll('#overview li')].find(node => node.textContent.includes('“%s”'))"
    links = "[...%s.querySelectorAll('a')].map(node => [node.textContent, node.hash])"
    found = browser.evaluate(links % (item % "cut off"))
    assert found == [
        ["Show them", "#/sentences?flag=cut_off&split=test"], ["1 new", "#/sentences?change=new-cut_off&split=test"],
    ]  # fmt: skip
    assert browser.evaluate(links % (item % "much shorter")) == [["1 gone", "#/sentences?change=gone-short&split=test"]]
    for change, rows in (("new-cut_off", [1]), ("gone-short", [1]), ("both-exact", [0]), ("gone-exact", [])):
        go(browser, f"#/sentences?change={change}&split=test")
        assert browser.evaluate("state.rows") == rows, change
    chips = "[...document.querySelectorAll('#chips [aria-pressed=true]')].map(node => node.textContent)"
    assert browser.evaluate(chips) == ["exact: gone ×"]
    go(browser, "#/sentences?change=gone-nothing&split=test")
    assert browser.evaluate("state.rows.length") == 4
    go(browser, "#/sentences?change=both-exact&split=many")  # which has no baseline
    assert browser.evaluate("state.rows") == []


def test_what_differs_from_the_baseline_is_marked_and_listed(browser: Browser) -> None:
    marked = "[...document.querySelectorAll('#detail %s')].map(node => node.textContent)"
    go(browser, "#/sentences/2?split=test")
    assert browser.evaluate(marked % "del") == ["children", "play", "in", "the", "garden"]
    browser.evaluate("document.querySelector('[data-focus=against-baseline]').click()")
    assert browser.evaluate(marked % "ins.word") == ["kids", "kids", "kids", "playing"]
    assert browser.evaluate(marked % "del") == ["children", "play"]
    assert "not in the baseline" in browser.evaluate("document.querySelector('#detail .legend').innerText")
    go(browser, "#/sentences/1?split=many")
    assert browser.evaluate(marked % "del") == ["children", "play", "in", "the", "garden"]  # there is no baseline
    assert browser.evaluate("document.querySelector('[data-focus=against-baseline]')") is None
    go(browser, "#/sentences/2?split=test")
    browser.evaluate("document.querySelector('[data-focus=against-reference]').click()")
    for kind, rows in (("better", []), ("worse", [1]), ("alike", []), ("same", [0, 2, 3])):
        go(browser, f"#/sentences?kind={kind}&split=test")
        assert browser.evaluate("state.rows") == rows
    chips = "[...document.querySelectorAll('#chips [data-focus=same]')].map(node => node.textContent)"
    assert browser.evaluate(chips) == ["same text 3"]
    alike = "KINDS.alike.holds({ chrf: 5, hypothesis: { text: 'a' }, baseline: { chrf: 5, text: '%s' } })"
    assert [browser.evaluate(alike % text) for text in "ab"] == [False, True]
    go(browser, "#/sentences?split=many")
    assert browser.evaluate(chips) == []


def test_all_evaluations_stand_in_one_table_and_their_texts_beside_each_other(browser: Browser) -> None:
    go(browser, "#/overview?split=many")
    rows = (
        "[...document.querySelectorAll('#evaluations tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
    )
    table = {row[0].split()[0]: row[1:] for row in browser.evaluate(rows)}
    assert list(table) == ["test", "again", "many", "narrow", "sampled", "wide"]
    by = "by the reference, a “what if”"
    assert table["test"][1:] == ["31.2 [30.1, 32.3]", "–", "–", "52.0", "0.949", f"1 of 4\n{by}", "1 of 4"]
    assert table["wide"][6] == f"1 of 2\n{by}, another evaluation"
    assert table["sampled"][6] == "–"
    assert [row[2] for row in table.values()] == ["–"] * 6  # of other sentences, and of its own
    go(browser, "#/overview?split=test")
    [difference, low, high, _, p] = {row[0].split()[0]: row[3] for row in browser.evaluate(rows)}["again"].split()
    gain = browser.evaluate("state.evaluation.gains.again")
    assert float(difference) == pytest.approx(gain["difference"], abs=0.05)
    assert f"{low} {high} p {p}" == f"[{gain['low']:.1f}, +{gain['high']:.1f}], p {gain['p_text']}"
    assert [*browser.evaluate("state.evaluation.gains")] == ["again"]
    browser.evaluate("document.querySelector('#evaluations [href*=search_error]').click()")
    browser.wait_for("location.hash === '#/sentences?flag=search_error&split=test'")
    go(browser, "#/sentences/2?split=test")
    shown = "[...document.querySelectorAll('#detail .texts dt')].find(node => node.textContent === 'again').nextSibling"
    chrf = [sentence_chrf(text, [SENTENCES[1][2]]).score for text in (BETTER[1][1], SENTENCES[1][1])]
    assert browser.evaluate(f"{shown}.innerText") == f"{BETTER[1][1]}\nchrF {chrf[0]:.1f} (+{chrf[0] - chrf[1]:.1f})"
    names = "[...document.querySelectorAll('#detail .texts dt')].map(node => node.textContent)"
    assert browser.evaluate(names) == ["Source", "Reference", "Hypothesis", "Baseline", "again", "What if 1"]
    go(browser, "#/sentences/1?split=test")
    assert browser.evaluate(f"{shown}.innerText") == "the same"
    go(browser, "#/sentences/2?split=wide")
    found = make_translation(*NARROW[1][:2])
    assert browser.evaluate(shown.replace("again", "narrow") + ".innerText").endswith(
        f", score −{-found.score:.2f}, ranks above"
    )
    go(browser, "#/sentences/2?split=narrow")
    assert not browser.evaluate(shown.replace("again", "wide") + ".innerText").endswith("above")


def test_paper_shows_all_of_tables_and_beam(browser: Browser) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=680, height=1000, deviceScaleFactor=1, mobile=False)
    browser.send("Emulation.setEmulatedMedia", media="print")
    try:
        go(browser, "#/overview?split=test")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 680
        assert browser.evaluate("getComputedStyle(document.querySelector('#scores .wide')).overflow") == "visible"
        browser.evaluate("beforePrint()")
        assert (
            browser.evaluate("[...document.querySelectorAll('#overview details')].map(each => each.open)") == [True] * 2
        )
        browser.evaluate("afterPrint(), byId('findings').closest('details').open = false")
        go(browser, "#/sentences/2?split=test")
        browser.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        rows = "[...document.querySelectorAll('.beam svg')]"
        found = f"{rows}.map(row => [...row.querySelectorAll('.place.found text')].map(node => node.textContent))"
        tokens = list(make_translation(*SENTENCES[1][:2], finished=False).tokens)
        assert browser.evaluate(found) == [tokens[:6], tokens[6:]]
        widths = browser.evaluate(f"{rows}.map(row => row.getBoundingClientRect().width)")
        assert len({*widths, *[min(widths[0], 680)]}) == 1
        browser.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert browser.evaluate(f"{rows}.length") == 1
    finally:
        browser.send("Emulation.setEmulatedMedia", media="")
        browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)


def test_gold_links_are_outlined_where_the_words_of_the_reference_are_shown(browser: Browser) -> None:
    outlines = "document.querySelectorAll('.frame .shapelayer path').length"
    go(browser, "#/sentences/1")
    assert browser.wait_for(f"{outlines} === 2")
    assert browser.evaluate("plot.layout.shapes.map(shape => shape.line.dash)") == ["solid", "dot"]
    assert "outlined: gold alignment, dotted where it is only possible" in browser.evaluate("byId('detail').innerText")
    go(browser, "#/sentences/2")
    assert browser.wait_for(f"{outlines} === 0")
    assert "The gold alignment links words of the reference" in browser.evaluate("byId('detail').innerText")
    browser.evaluate("setShown('reference')")
    assert browser.wait_for(f"{outlines} === 1")
    browser.evaluate("setShown('hypothesis')")


def test_hostile_text_is_shown_as_it_is(browser: Browser) -> None:
    go(browser, "#/sentences/3")
    browser.wait_for("document.querySelector('#detail h2').textContent === 'Sentence 3'")
    texts = "[...document.querySelectorAll('#detail .texts [data-text]')].map(node => node.textContent)"
    assert browser.evaluate(texts) == [HOSTILE, HOSTILE, HOSTILE[::-1], HOSTILE[::-1], "the same"]
    browser.wait_for(f"{AXIS_LABELS % 'x'}.includes('alert')")
    browser.evaluate("setUnit('subwords')")
    labels = browser.wait_for(f"{AXIS_LABELS % 'x'}.includes('scri') && {AXIS_LABELS % 'x'}")
    browser.evaluate("setUnit('words')")
    assert labels[:4] == ["<s>", "<", "/", "scri"]
    assert "&" in labels
    assert "␀" in labels
    assert browser.evaluate("document.scripts.length") == 2  # the page's own, plotly


def test_the_table_shows_each_attention_in_small_and_sorts_by_its_entropy(browser: Browser) -> None:
    go(browser, "#/sentences/1")
    canvas = "document.querySelector('#table tbody tr:not(.blank) canvas')"
    attention = make_translation(*SENTENCES[0][:2]).attention
    dots = browser.evaluate(
        f"[...{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data]"
        ".filter((_, index) => index % 4 === 3)"
    )
    np.testing.assert_allclose(np.reshape(dots, attention.shape) / 255, attention, atol=0.01)
    browser.evaluate("document.querySelector('#table .col-attention button').click()")
    entropies = browser.evaluate("state.rows.map(index => state.evaluation.sentences[index].entropy)")
    assert len(set(entropies)) > 2
    assert entropies == sorted(entropies)
    browser.evaluate("document.querySelector('#table .col-number button').click()")


def test_thousand_sentences_are_searched_filtered_and_sorted_with_few_rows_in_the_document(browser: Browser) -> None:
    go(browser, "#/sentences?split=many")
    browser.wait_for("document.getElementById('count').textContent === '1,000 sentences'")
    assert 10 < browser.evaluate("document.querySelectorAll('#table tbody tr').length") < 60
    browser.evaluate("document.getElementById('scroller').scrollTop = 1e6")
    browser.wait_for("document.querySelector('#table tbody').innerText.includes('Satz 1000.')")
    browser.evaluate("document.querySelector('#table .col-chrf button').click()")
    browser.evaluate("document.getElementById('scroller').scrollTop = 0")
    browser.wait_for("document.querySelector('#table tbody tr:not(.blank)').innerText.includes('Zwei Kinder')")
    browser.evaluate("document.querySelector('#table .col-number button').click()")
    search = "const box = document.getElementById('search'); box.value = '%s'; box.dispatchEvent(new Event('input'))"
    browser.evaluate("{" + search % "SENTENCE 99" + "}")
    assert browser.evaluate("document.getElementById('count').textContent") == "11 of 1,000 sentences"
    browser.evaluate("{" + search % "" + "}")
    go(browser, "#/sentences?flag=cut_off&split=many")
    browser.wait_for("document.getElementById('count').textContent === '1 of 1,000 sentences'")


def test_filters_add_up_and_count_what_they_would_leave(browser: Browser) -> None:
    chips = "[...document.querySelectorAll('#chips button')].map(node => [node.textContent, node.ariaPressed])"
    go(browser, "#/sentences?split=test")
    before = browser.evaluate(chips)
    assert ["cut off 1", "false"] in before
    assert not any(label.endswith(" 0") for label, _ in before)
    assert "Show all" not in dict(before)
    for flag in ("cut_off", "repetition"):
        browser.evaluate(f"document.querySelector('#chips [data-focus={flag}]').click()")
    browser.wait_for("location.hash === '#/sentences?flag=cut_off+repetition&split=test'")
    assert browser.evaluate("state.rows") == [1]
    pressed = [label for label, pressed in browser.evaluate(chips) if pressed == "true"]
    assert pressed == ["cut off 1", "repetition 1"]
    assert "exact 1" not in dict(browser.evaluate(chips))  # which none of what is left is
    browser.evaluate("document.querySelector('#chips [data-focus=cut_off]').click()")
    browser.wait_for("location.hash === '#/sentences?flag=repetition&split=test'")
    go(browser, "#/sentences?flag=cut_off&q=zzz&split=test")
    assert browser.evaluate(chips) == [["cut off 0", "true"], ["Show all", None]]
    browser.evaluate("document.querySelector('#chips [data-focus=all]').click()")
    browser.wait_for("location.hash === '#/sentences?split=test'")
    assert browser.evaluate("[state.rows.length, byId('search').value]") == [4, ""]
    go(browser, "#/sentences?flag=cut_off+exact&split=test")
    assert browser.evaluate("state.rows") == []
    go(browser, "#/sentences?flag=cut_off+never&split=test")  # not what an address says
    assert browser.evaluate("state.rows.length") == 4


def test_ranges_are_said_as_by_compare(browser: Browser) -> None:
    said = browser.evaluate(f"{json.dumps(RANGES)}.map(([least, most]) => rangeText(least, most))")
    assert said == [text for *_, text in RANGES]


def test_ranges_have_intervals_or_are_pale(browser: Browser) -> None:
    go(browser, "#/errors?split=many")
    [row] = browser.evaluate("[...document.querySelectorAll('#errors tbody')].map(({ rows }) => rows[0].innerText)")[:1]
    [low, high] = browser.evaluate("state.evaluation.breakdown.by_length[0].intervals.chrf")
    assert f"[{low:.1f}, {high:.1f}]" in row
    assert browser.evaluate("document.querySelector('#errors .few')") is None
    go(browser, "#/errors?split=test")
    assert browser.evaluate("document.querySelector('#errors tbody').rows[0].className") == "few"
    names = browser.evaluate(
        "[...document.querySelectorAll('#errors table, #overview table')].map(each => each.caption)"
    )
    assert all(name is not None for name in names)


def test_a_section_is_shown_from_where_it_was_left_and_a_sentence_from_the_top(browser: Browser) -> None:
    go(browser, "#/overview?split=test")
    browser.wait_for("document.querySelector('#distribution .bars path') !== null")
    browser.evaluate("scrollTo(0, 200)")
    go(browser, "#/sentences/2?split=test")
    assert browser.evaluate("scrollY") == 0
    browser.evaluate("history.back()")
    browser.wait_for("!document.getElementById('overview').hidden")
    assert browser.evaluate("scrollY") == 200
    go(browser, "#/training?split=test")
    assert browser.evaluate("scrollY") == 0


def test_training_and_about_show_curves_signatures_and_config(browser: Browser) -> None:
    go(browser, "#/training")
    browser.wait_for("document.querySelectorAll('#curves .scatterlayer .trace').length === 5")
    told = "['curves-told', 'kept-told', 'baseline-told'].map(name => !byId(name).hidden)"
    assert browser.evaluate(told) == [True, False, False]  # there is neither of the two
    browser.evaluate("REPORT.training[0].layout.shapes = [], REPORT.training[0].data[0].line.dash = 'dash'")
    browser.evaluate("renderTraining()")
    assert browser.evaluate(told) == [True, True, True]
    browser.evaluate("delete REPORT.training[0].layout.shapes, REPORT.training[0].data[0].line.dash = 'solid'")
    go(browser, "#/about")
    about = browser.evaluate("document.getElementById('about').innerText")
    assert "seed: 1  # <i>" in about
    assert "nrefs:1|case:mixed|tok:13a" in about
    assert "Attention is not alignment" in about
    assert "[object" not in about


def test_sentences_are_put_in_orders_that_no_column_has(browser: Browser) -> None:
    def choose(key: str) -> list[int]:
        browser.evaluate(f"byId('order').value = '{key}'; byId('order').dispatchEvent(new Event('change'))")
        return browser.evaluate("state.rows")

    go(browser, "#/sentences/1?split=test")
    sentences = "state.evaluation.sentences"
    aer = browser.evaluate(f"{sentences}.map(each => each.aer)")
    assert choose("aer") == [*sorted((0, 1), key=lambda row: -aer[row]), 2, 3]
    gaps = browser.evaluate(f"{sentences}.map(each => each.reference.score - each.hypothesis.score)")
    assert choose("gap") == sorted(range(4), key=lambda row: -gaps[row])
    assert browser.evaluate("location.hash") == "#/sentences/1?sort=-gap&split=test"
    browser.evaluate("byId('direction').click()")
    assert browser.evaluate("state.rows") == sorted(range(4), key=lambda row: gaps[row])
    assert choose("what_if")[0] == 1
    go(browser, "#/sentences/1?split=sampled")
    options = browser.evaluate("[...byId('order').options].map(option => option.value)")
    assert "number" in options
    assert not {"aer", "gap", "gain"} & set(options)
    go(browser, "#/sentences/1?split=test")


def test_all_tabs_and_the_differences_fit_a_telephone(browser: Browser) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False)
    go(browser, "#/overview?split=test")
    fits = "(node => node.scrollWidth <= node.clientWidth)(document.querySelector('%s'))"
    assert [browser.evaluate(fits % node) for node in ("#tabs", "#scores .wide")] == [True, True]
    rows = "[...document.querySelectorAll('#scores tbody tr')].map(row => row.innerText.split(/\\s/)[0])"
    assert browser.evaluate(rows) == ["BLEU", "TER", "AER"]
    go(browser, "#/words?split=again")
    assert browser.evaluate(fits % "#words .wide")
    targets, word = (
        f"document.querySelector('#word-table tbody {cell}').getBoundingClientRect()"
        for cell in ("td:last-child", "th")
    )
    assert browser.evaluate(f"{targets}.top >= {word}.bottom - 1 && {targets}.width > 250")
    go(browser, "#/errors?split=again")
    assert browser.evaluate(fits % "#errors .wide")
    go(browser, "#/words?split=test")
    browser.send("Emulation.setDeviceMetricsOverride", width=1920, height=800, deviceScaleFactor=1, mobile=False)
    left = "document.querySelector('%s').getBoundingClientRect().left"
    assert abs(browser.evaluate(left % "#run-name") - browser.evaluate(left % "#words")) <= 16
    browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)


def test_all_tabs_and_the_targets_of_a_word_fit_a_projector(browser: Browser) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=853, height=480, deviceScaleFactor=1.5, mobile=False)
    fits = "(node => node.scrollWidth <= node.clientWidth)(document.querySelector('%s'))"
    go(browser, "#/overview?split=again")
    assert browser.evaluate(fits % "#evaluations .wide")
    go(browser, "#/sentences/1?split=again")
    assert browser.evaluate(fits % "#tabs")
    go(browser, "#/words?split=again")
    assert browser.evaluate(fits % "#words .wide")
    browser.evaluate("byId('help').click()")
    shown = "document.querySelector('#keys h2').getBoundingClientRect().top > byId('keys').getBoundingClientRect().top"
    assert browser.evaluate(f"[{shown}, document.activeElement.textContent]") == [True, "Close"]
    browser.evaluate("byId('keys').close()")
    browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)


def test_on_a_small_screen_what_the_step_attends_to_stays_in_view(browser: Browser) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=390, height=400, deviceScaleFactor=1, mobile=False)
    go(browser, "#/sentences/3?split=test")
    browser.wait_for("plot.data?.[0].z === view.weights")
    browser.evaluate("chooseStep(view.targets.length - 1)")
    head, step = "document.querySelector('.step-head').getBoundingClientRect()", "stepMark.getBoundingClientRect()"
    browser.wait_for(f"{head}.top === 0 && {head}.bottom <= {step}.top && {step}.bottom <= innerHeight")
    assert browser.evaluate("frame.getBoundingClientRect().top") < 0
    assert browser.evaluate(
        "frame.scrollWidth > frame.clientWidth && frame.scrollLeft === 0"
    )  # the first source is seen
    browser.send("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
    browser.evaluate("renderDetail()")


def test_the_legend_explains_the_marks_that_are_there(browser: Browser) -> None:
    explained = "[...document.querySelectorAll('.legend :is(.extra, .missing)')].filter(node => node.offsetParent)"
    texts = f"{explained}.map(node => node.textContent)"
    go(browser, "#/sentences/1?split=many")
    both = ["not in the reference", "not in the hypothesis"]
    assert browser.evaluate(texts) == both
    go(browser, "#/sentences/2?split=many")  # which equals its reference
    assert browser.evaluate(texts) == []
    go(browser, "#/sentences/4?split=test")  # empty
    assert browser.evaluate(f"{texts}.includes('not in the hypothesis')")
    assert browser.evaluate("document.querySelector('.step').innerText").startswith("Token 1 of 1")
    heights = "[...document.querySelectorAll('.saving button')].map(node => node.getBoundingClientRect().height)"
    assert max(browser.evaluate(heights)) < 40  # however little attention there is


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize(
    "address", ["#/overview", "#/sentences/3", "#/training", "#/about", "#/errors?split=again", "#/words?split=again"]
)
def test_no_section_is_wider_than_the_window(browser: Browser, width: int, address: str) -> None:
    browser.send("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    go(browser, address)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_heatmap_is_saved_as_svg_and_png(browser: Browser, tmp_path: Path) -> None:
    browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    go(browser, "#/sentences/2")
    browser.wait_for("document.querySelector('.frame .heatmaplayer image') !== null")
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        browser.evaluate(f"saveHeatmap(view, '{kind}')")
        path = tmp_path / f"toy-test-2-attention.{kind}"
        end = time.monotonic() + 60
        while not (path.exists() and path.stat().st_size):
            assert time.monotonic() < end, list(tmp_path.iterdir())
            time.sleep(0.05)
        assert path.read_bytes().startswith(start)


def test_a_browser_that_cannot_unpack_the_data_is_told_where_it_lies(browser: Browser) -> None:
    old = browser.send("Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream")
    browser.send("Page.reload")
    browser.wait_for("document.getElementById('missing')?.hidden === false")
    assert "report.json beside the page" in browser.evaluate("document.getElementById('missing').textContent")
    browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=old["identifier"])
    browser.send("Page.reload")
    browser.wait_for("document.querySelector('#detail h2') !== null")
    assert browser.evaluate("document.getElementById('missing').hidden")


def test_nothing_was_asked_of_the_network_and_nothing_complained(browser: Browser) -> None:
    """Runs last in this module: all that the tests before did is on record."""
    browser.evaluate("1")
    assert browser.complaints() == []


def test_a_complaint_would_be_seen(browser: Browser) -> None:
    browser.evaluate("console.error('seen')")
    browser.evaluate("void fetch('https://example.invalid/').catch(() => 0)")
    browser.evaluate("{ const script = document.createElement('script'); script.textContent = 'window.evil = 1';"
                     " document.head.append(script) }")  # fmt: skip
    browser.evaluate("new Promise(done => setTimeout(done, 200))")
    seen = json.dumps(browser.complaints())
    assert "seen" in seen
    assert "example.invalid" in seen
    assert browser.evaluate("window.evil") is None
