"""Visual attention: the drawn scenes, the encoder of pictures with every decoder, and the page that shows it."""

import base64
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from nmt.config import AttentionConfig, ModelConfig
from nmt.data.scenes import SIDE, Box, Scene, scenes
from nmt.data.special import BOS_ID
from nmt.decoding.options import SearchOptions
from nmt.decoding.search import search
from nmt.decoding.sentences import SearchBatch
from nmt.model.inference.packed import pack
from nmt.model.picture import CELL_PIXELS, PictureEncoder
from nmt.model.seq2seq import Seq2Seq
from nmt.report.pictures import CaptionedPicture, faults_first, pictures_page

SCRIPT = Path(__file__).parents[1] / "scripts" / "caption.py"
CELLS = (SIDE // CELL_PIXELS) ** 2


def network(**settings: object) -> ModelConfig:
    return ModelConfig(embedding_size=6, hidden_size=8, dropout=0.0, **settings)


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([each.picture for each in scenes(count, 1)])).permute(0, 3, 1, 2) / 255


def test_a_seed_gives_the_same_scenes_and_fewer_are_the_beginning_of_more() -> None:
    some, more, other = scenes(3, 1), scenes(5, 1), scenes(3, 2)
    for one, another in zip(some, more, strict=False):
        assert one.caption == another.caption
        assert (one.picture == another.picture).all()
    assert [each.caption for each in some] != [each.caption for each in other]


def test_a_caption_says_what_lies_where() -> None:
    relations = set()
    for scene in scenes(100, 3):
        words = scene.caption.split()
        assert (words[0], words[1], words[4], words[-4], words[-1]) == ("a", "small", "is", "big", ".")
        small, big = scene.boxes[1], scene.boxes[-2]
        assert [each for each in scene.boxes if each] == [small] * 3 + [big] * 3
        assert scene.boxes[0] is scene.boxes[4] is scene.boxes[-1] is None
        (y, x), (other_y, other_x) = ((box.top + box.bottom, box.left + box.right) for box in (small, big))
        holds = {"left": x < other_x, "right": x > other_x, "above": y < other_y, "below": y > other_y}
        assert holds[words[5]]
        is_beside = abs(x - other_x) > abs(y - other_y)
        assert (words[5] in ("left", "right")) == is_beside
        relations.add(words[5])
    assert relations == {"left", "right", "above", "below"}


def test_an_object_is_drawn_in_its_box_and_nothing_beside_them() -> None:
    for scene in scenes(20, 4):
        away = np.abs(scene.picture - np.median(scene.picture, axis=(0, 1))).max(axis=2) > 40
        inside = np.zeros_like(away)
        for box in {each for each in scene.boxes if each}:
            part = slice(box.top, box.bottom), slice(box.left, box.right)
            inside[part] = True
            assert away[part].mean() > 0.2
        assert not away[~inside].any()


def test_cells_are_those_whose_middle_lies_in_the_box() -> None:
    scene = Scene(np.zeros((SIDE, SIDE, 3), np.uint8), "red .", (Box(6, 1, 11, 7), None))
    cells = scene.cells(4)
    assert cells.shape == (2, 12, 12)
    assert np.argwhere(cells[0]).tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]
    assert not cells[1].any()


def test_states_are_those_of_the_cells_row_by_row_and_see_their_surroundings_only() -> None:
    torch.manual_seed(0)
    encoder, picture = PictureEncoder(network()), pictures(1)
    lengths = torch.tensor([CELLS])
    before = encoder(picture, lengths)
    assert before.states.shape == (1, CELLS, 8)
    assert before.mask.all()
    changed = picture.clone()
    changed[:, :, 20, 8] += 0.5  # row 5, column 2 of the grid
    moved = (encoder(changed, lengths).states - before.states)[0].abs().amax(dim=1).reshape(12, 12)
    near = torch.zeros(12, 12, dtype=torch.bool)
    near[2:9, :6] = True
    assert moved[5, 2] > 0
    assert (moved[~near] == 0).all()


def test_a_place_is_seen_where_all_colours_are_alike() -> None:
    torch.manual_seed(0)
    states = PictureEncoder(network())(torch.full((1, 3, SIDE, SIDE), 0.5), torch.tensor([CELLS])).states[0]
    inner = states.reshape(12, 12, -1)[4:8, 4:8].flatten(0, 1)
    assert len({tuple(each) for each in inner.tolist()}) == 16


@torch.inference_mode()
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("decoder", ["bahdanau", "conditional", "luong", "gnmt"])
def test_every_decoder_attends_to_a_picture_alike_in_one_go_and_step_by_step(decoder: str, cell: str) -> None:
    torch.manual_seed(0)
    config = network(decoder=decoder, cell=cell, decoder_layers=2, attention=AttentionConfig(normalizer="sparsemax"))
    model = Seq2Seq(config, PictureEncoder(config), 9).eval()
    source, lengths = pictures(3), torch.full((3,), CELLS)
    memory, state = model.encode(source, lengths)
    found = search(model, memory, state, SearchBatch(torch.full((3,), 6)), SearchOptions(beam_size=2))
    for row, (best, *_) in enumerate(found):
        previous = torch.tensor([[BOS_ID, *best.ids[:-1]]])
        readouts, attention = model(source[row : row + 1], lengths[:1], previous)
        log_probs = model.log_probs(readouts, attention)[0, torch.arange(len(best.ids)), best.ids]
        np.testing.assert_allclose(log_probs.tolist(), best.token_log_probs, atol=1e-4)
        np.testing.assert_allclose(attention[0], best.attention, atol=1e-4)
        np.testing.assert_allclose(best.attention.sum(axis=1), 1, atol=1e-5)


def test_weights_in_another_form_caption_alike() -> None:
    torch.manual_seed(0)
    model = Seq2Seq(network(), PictureEncoder(network()), 9).eval()
    source, lengths, previous = pictures(2), torch.full((2,), CELLS), torch.tensor([[BOS_ID, 5]] * 2)
    with torch.no_grad():
        torch.testing.assert_close(pack(model)(source, lengths, previous), model(source, lengths, previous))


@pytest.mark.parametrize("tied", ["source", "all"])
def test_a_picture_has_no_embeddings_to_tie(tied: str) -> None:
    config = network(tie_embeddings=tied)
    with pytest.raises(ValueError, match=rf"model\.tie_embeddings: '{tied}' is not allowed, .*the source has none"):
        Seq2Seq(config, PictureEncoder(config), 9)


def decoded(address: str) -> np.ndarray:
    """The pixels of a PNG whose lines have no filter."""
    png = base64.b64decode(address)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, rest = {}, png[8:]
    while rest:
        (size,), name = struct.unpack(">I", rest[:4]), rest[4:8]
        chunks[name] = rest[8 : 8 + size]
        assert struct.unpack(">I", rest[8 + size : 12 + size]) == (zlib.crc32(rest[4 : 8 + size]),)
        rest = rest[12 + size :]
    columns, rows, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, -1)
    assert (depth, lines[:, 0].any()) == (8, False)
    return lines[:, 1:].reshape(rows, columns, {2: 3, 6: 4}[kind])


def test_the_page_leaves_light_where_a_word_attended() -> None:
    picture = np.arange(6 * 12 * 3, dtype=np.uint8).reshape(6, 12, 3)
    attention = np.zeros((1, 2, 3))
    attention[0, 1, 2], attention[0, 0, 0] = 0.8, 0.2
    page = pictures_page(
        "A title", ["A fact."], [CaptionedPicture(picture, ["cross"], attention, "cross", [(3, 8, 6, 12)])]
    )
    image, shade = (decoded(each) for each in re.findall(r"data:image/png;base64,([\w+/=]+)", page))
    assert (image == picture).all()
    assert (shade[..., :3] == 0).all()
    assert shade[..., 3].tolist() == [[163, 217, 217], [217, 217, 0]]
    assert "cross attends most to row 2 of 2, column 3 of 3" in page
    left, top, width, height = map(
        float, re.search(r"left: (.+)%; top: (.+)%; width: (.+)%; height: (.+)%", page).groups()
    )
    assert (left, top, width, height) == pytest.approx((100 * 8 / 12, 50, 100 * 4 / 12, 50))
    assert "It should be" not in page


def test_wrong_captions_come_first_then_words_that_look_astray() -> None:
    picture, attention = np.zeros((6, 12, 3), np.uint8), np.zeros((2, 2, 3))
    attention[0, 1, 2] = attention[1, 0, 0] = 1  # rows of 3 pixels, columns of 4: middles at (4.5, 10) and (1.5, 2)

    def captioned(reference: str, *boxes: tuple[int, int, int, int] | None) -> CaptionedPicture:
        return CaptionedPicture(picture, ["red", "ring"], attention, reference, boxes)

    good = captioned("red ring", (4, 9, 6, 12), (0, 0, 2, 3))
    beside = captioned("red ring", (4, 9, 6, 10), (0, 0, 2, 3))
    twice = captioned("red ring", (5, 9, 6, 12), (0, 0, 2, 2))
    wrong = captioned("red cross")
    unnamed = captioned("red ring", None, None)
    assert [each.astray for each in (good, beside, twice, wrong, unnamed)] == [0, 1, 2, 0, 0]
    shown = faults_first([good, beside, unnamed, wrong, twice])
    assert [id(each) for each in shown] == [id(each) for each in (wrong, twice, beside, good, unnamed)]
    assert not captioned("").is_wrong


def test_the_page_asks_for_nothing_escapes_words_and_says_what_a_caption_should_be() -> None:
    picture, attention = np.zeros((4, 4, 3), np.uint8), np.ones((1, 1, 1))
    hostile = "<img/src=x>"
    page = pictures_page("<b>", ["a & b"], [CaptionedPicture(picture, [hostile], attention, "a <ring>")])
    assert hostile not in page
    assert "<b>" not in page
    assert "It should be: a &lt;ring&gt;" in page
    assert 'class="named"' not in page
    assert "default-src 'none'" in page
    assert "://" not in page
    assert re.findall(r"(?:<script|<link|@import|src=\"(?!data:)|url\((?!data:))", page) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--guided-alignment", "nan"], "argument --guided-alignment: nan is not at least 0"),
        (["--out", "taken"], "--out taken: File exists"),
    ],
)
def test_a_mistake_is_named_before_anything_is_learned(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "taken").touch()
    done = subprocess.run([sys.executable, SCRIPT, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"caption.py: error: {message}"


@pytest.mark.slow
def test_a_captioner_learns_what_it_sees_and_guided_attention_lies_on_what_is_named(tmp_path: Path) -> None:
    asked = ["--updates", "500", "--guided-alignment", "0.1", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, SCRIPT, *asked], check=True, capture_output=True, text=True)
    exact, hits, chance = (float(each) for each in re.findall(r"([\d.]+)%", done.stdout))
    assert exact >= 70
    assert hits >= 95 >= 15 >= chance
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<article") == 24
