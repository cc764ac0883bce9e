"""Drawings of the tape: they show what was recorded, stay small, and are legible pictures."""

from __future__ import annotations

import gc
import itertools
import random
import re
import weakref
import xml.etree.ElementTree as ET

import pytest

import weft
from weft import nn
from weft.debug import graph, nan_origin
from weft.debug._layout import placed
from weft.utils.checkpoint import checkpoint

SVG = "{http://www.w3.org/2000/svg}"


def small():
    """Return a loss over a leaf and a constant, by local names."""
    x = weft.ones(3, requires_grad=True)
    scale = weft.full((3,), 2.0)
    return (x * scale).exp().sum(), x


def boxes(svg: str) -> list[ET.Element]:
    return [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.find(f"{SVG}rect") is not None]


def words(box: ET.Element) -> list[str]:
    return [text.text for text in box.iter(f"{SVG}text")]


# --- text --------------------------------------------------------------------------------------


def test_the_text_shows_ops_arguments_shapes_leaves_and_bytes():
    x = weft.ones(3, requires_grad=True)
    scale = weft.full((3,), 2.0)
    loss = (x * scale).exp().sum()
    assert str(graph(loss)).splitlines() == [
        "loss: 3 ops, 1 leaf, 24 B kept for backward",
        "loss = sum(dim=(0,), keepdim=False)  float32()",
        "exp                                  float32(3,)  saves 12 B",
        "mul(x, scale)                        float32(3,)  saves 12 B",
        "x                                    float32(3,)  leaf",
    ]


def test_branches_and_what_several_ops_read_are_shown_once():
    x = weft.ones(2, requires_grad=True)
    y = x.exp()
    z = y.sin() * (y + y.cos())
    assert str(graph(z)).splitlines() == [
        "z: 5 ops, 1 leaf, 24 B kept for backward",
        "z = mul         float32(2,)  saves 16 B",
        "├─ sin          float32(2,)  saves 8 B",
        "│  exp(x)  [1]  float32(2,)  saves 8 B",
        "└─ add          float32(2,)",
        "   ├─ exp  ^1   as above",
        "   └─ cos       float32(2,)  saves 8 B",
        "      exp  ^1   as above",
        "x               float32(2,)  leaf",
    ]


def test_leaves_are_named_by_params_by_variables_and_by_modules():
    net = nn.Sequential(nn.Linear(2, 2))
    h = weft.ones(1, 2)
    out = net(h).sum()
    assert "net.0.weight" in str(graph(out))
    assert "affine(h, net.0.weight, net.0.bias)" in str(graph(out))
    assert re.search(r"\n0\.weight +float32\(2, 2\)  leaf", str(graph(out, net)))
    assert "kernel" in str(graph(out, {"kernel": net[0].weight}))
    assert "kernel" in str(graph(out, [("kernel", net[0].weight)]))
    assert "leaf 0" in str(graph(small()[0]))


def test_outputs_may_be_several_and_are_named():
    x = weft.ones(2, requires_grad=True)
    a = x.exp()
    b = a.sum()
    text = str(graph([a, b]))
    assert text.startswith("a, b: 2 ops, 1 leaf")
    assert "a = exp(x)" in text
    assert "b = sum" in text
    assert "first = exp" in str(graph({"first": a}))
    assert "output 0 = exp" in str(graph([x.exp(), b]))


def test_ops_with_several_results_are_one():
    x = weft.eye(2).requires_grad_()
    q, r = weft.linalg.qr(x)
    drawing = graph(q.sum() + r.sum())
    assert str(drawing).count("orthogonal_triangular(") == 1
    assert drawing.ops == 4


def test_indices_are_written_as_between_brackets():
    x = weft.ones(4, 4, requires_grad=True)
    text = str(graph(x[..., 1:3, ::2].exp()))
    assert "key=[..., 1:3, ::2]" in text


def test_custom_functions_and_checkpoints_are_shown():
    class Cube(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x * x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * g * ctx.saved_tensors[0]

    x = weft.ones(8, requires_grad=True)
    drawing = graph(Cube.apply(x))
    assert "Cube(x)" in str(drawing)
    assert drawing.kept_bytes == 32
    drawing = graph(checkpoint(lambda y: y.exp().sin(), x))
    assert drawing.kept_bytes == 0
    assert "2 saved tensors with hooks or checkpoints" in str(drawing)
    assert "sin  " in str(drawing)
    assert "float32(8,)" in str(drawing)


def test_memory_that_several_nodes_keep_counts_once_and_that_of_leaves_not():
    x = weft.ones(100, requires_grad=True)
    y = x.exp()  # keeps its result, 400 bytes
    z = y.sin() + y.cos()  # which these keep too
    assert graph(z).kept_bytes == 400
    assert graph((x * x).sum()).kept_bytes == 0
    assert graph(y[:1].sin()).kept_bytes == 400  # a view keeps the whole memory


def test_a_freed_graph_says_so():
    x = weft.ones(3, requires_grad=True)
    loss = x.exp().sum()
    loss.backward()
    drawing = graph(loss)
    assert "a backward pass has freed some of it" in drawing.title
    assert "exp" in str(drawing)
    assert drawing.kept_bytes == 0


def test_the_graph_of_a_gradient_can_be_drawn():
    x = weft.ones(3, requires_grad=True)
    (g,) = weft.autograd.grad(x.exp().sum(), x, create_graph=True)
    assert "exp" in str(graph(g))


def test_a_leaf_alone_is_a_graph_of_one():
    x = weft.ones(3, requires_grad=True)
    drawing = graph(x)
    assert (drawing.ops, drawing.leaves) == (0, 1)
    assert str(drawing).splitlines()[1:] == ["x  float32(3,)  leaf"]
    assert len(boxes(drawing.svg())) == 1


def test_a_drawing_keeps_no_tensor_alive_and_frees_nothing():
    loss, x = small()
    ref = weakref.ref(loss.grad_fn)
    drawing = graph(loss)
    loss.backward(retain_graph=True)
    assert x.grad is not None
    del loss
    gc.collect()
    assert ref() is None
    assert "exp" in str(drawing)


def test_what_has_no_graph_is_refused():
    with pytest.raises(weft.GradError, match=r"y, of shape \(2,\), needs no gradient"):
        y = weft.ones(2)
        graph(y)
    with pytest.raises(TypeError, match=r"expected a weft.Tensor, got int for output$"):
        graph([3])
    with pytest.raises(ValueError, match="max_items must be at least 2, got 1"):
        graph(small()[0], max_items=1)


# --- folding -----------------------------------------------------------------------------------


def test_a_long_chain_becomes_one_box_with_a_note():
    x = weft.ones(2, requires_grad=True)
    y = x
    for _ in range(10_000):
        y = y.sin()
    out = (y * x).sum()
    drawing = graph(out)
    assert drawing.ops == 10_002
    text = str(drawing)
    assert "10000 ops(x, sin → sin → … → sin)" in text
    assert text.endswith("folded: 10000 ops in chains, of 10003 in all")
    svg = drawing.svg()
    assert len(boxes(svg)) == 4
    assert "folded: 10000 ops in chains" in svg


def test_a_deep_network_folds_with_its_parameters_and_a_tangled_one_to_what_is_near():
    deep = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(50)))
    x = weft.ones(1, 4, requires_grad=True)
    out = deep(x).sum()
    assert "101 ops, 100 leaves(x, affine → tanh → … → sum)" in graph(out, max_items=100).text()
    y = x
    for layer in deep:
        y = y + layer(y)  # no runs of more than three
    out = y.sum()
    for limit in (5, 20, 60):
        drawing = graph(out, max_items=limit)
        assert len(boxes(drawing.svg())) <= limit
        assert "farthest from the output" in drawing.text()
        assert "more" in drawing.text()
    assert graph(out, max_items=10**6).text().count("\n") > 250


def test_a_limit_can_be_given_to_one_drawing_and_leaves_the_next_as_it_was():
    x = weft.ones(2, requires_grad=True)
    y = x
    for _ in range(20):
        y = y.sin()
    drawing = graph(y)
    whole = drawing.text()
    assert "folded" in drawing.text(max_items=3)
    assert drawing.text() == whole
    assert "folded" not in whole
    assert len(boxes(drawing.svg(max_items=3))) < len(boxes(drawing.svg()))


# --- pictures ----------------------------------------------------------------------------------


def test_the_picture_is_whole_xml_with_a_box_a_tooltip_and_a_title_for_all():
    net = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))
    loss = net(weft.ones(2, 4)).log_softmax(-1).mean()
    drawing = graph(loss, net)
    root = ET.fromstring(drawing.svg())
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == drawing.title
    found = boxes(drawing.svg())
    assert len(found) == drawing.ops + drawing.leaves
    assert all(box.find(f"{SVG}title").text for box in found)
    assert any("saves" in word for box in found for word in words(box))
    assert sum("loss" in words(box)[0] for box in found) == 1


def test_text_of_users_is_escaped():
    x = weft.ones(2, requires_grad=True)
    svg = graph({"<a & b>": x.exp()}, {'"<script>"': x}).svg()
    assert ET.fromstring(svg) is not None
    assert "<script>" not in svg


def test_boxes_of_a_picture_do_not_overlap_and_lie_within_it():
    weft.manual_seed(0)
    x = [weft.ones(2, requires_grad=True) for _ in range(4)]
    rng = random.Random(1)
    for _ in range(60):
        a, b = rng.sample(x, 2)
        x[rng.randrange(4)] = a * b if rng.random() < 0.5 else (a + b).sin()
    root = ET.fromstring(graph(x).svg())
    width, height = map(float, root.get("viewBox").split()[2:])
    places = []
    for box in boxes(ET.tostring(root, encoding="unicode")):
        rect = box.find(f"{SVG}rect")
        left, top, wide, tall = (float(rect.get(k)) for k in ("x", "y", "width", "height"))
        assert left >= 0
        assert top >= 0
        assert left + wide <= width + 1
        assert top + tall <= height + 1
        places.append((left, top, left + wide, top + tall))
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in itertools.combinations(places, 2):
        assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1


def test_white_text_stands_out_on_every_colour_of_box():
    from weft.debug._svg import _FILLS

    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    for fill in _FILLS.values():
        red, green, blue = (linear(int(fill[i : i + 2], 16)) for i in (1, 3, 5))
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        assert 1.05 / (luminance + 0.05) >= 4.5, fill


def test_two_pictures_of_one_page_have_ids_of_their_own_and_one_is_always_the_same():
    a, b = (graph(small()[0]).svg() for _ in range(2))
    assert a == b
    other = graph(weft.ones(2, requires_grad=True).sin()).svg()
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (a, other)]
    assert ids[0].isdisjoint(ids[1])


def test_lines_that_were_watched_are_in_the_tooltips():
    x = weft.ones(2, requires_grad=True)
    with nan_origin():
        y = x.exp()
    assert "y = x.exp()" in graph(y).svg()


def test_notebooks_get_the_picture_and_files_what_their_name_says(tmp_path):
    drawing = graph(small()[0])
    assert drawing._repr_svg_() == drawing.svg()
    assert repr(drawing) == str(drawing) == drawing.text()
    assert drawing.save(tmp_path / "a.svg").read_text(encoding="utf-8") == drawing.svg()
    assert drawing.save(str(tmp_path / "a.txt")).read_text(encoding="utf-8") == f"{drawing}\n"
    assert drawing.save(tmp_path / "a.md").read_text(encoding="utf-8").startswith("```text\n")
    with pytest.raises(ValueError, match=r"must end in \.svg .* got '.*a\.png'"):
        drawing.save(tmp_path / "a.png")


# --- layout ------------------------------------------------------------------------------------


def test_layers_lead_downward_and_a_chain_is_straight():
    layout = placed([40, 60, 20], [(0, 1), (1, 2)], [False] * 3)
    assert [spot.rank for spot in layout.spots] == [0, 1, 2]
    middles = [spot.x for spot in layout.spots]
    assert max(middles) - min(middles) < 0.5


def test_lines_that_need_not_cross_do_not():
    # two chains, given crosswise
    layout = placed([30] * 4, [(0, 3), (1, 2)], [False] * 4)
    a, b, c, d = (spot.x for spot in layout.spots)
    assert (a < b) == (d < c)


def test_a_line_over_several_layers_passes_beside_the_boxes_between():
    layout = placed([50] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)], [False] * 4)
    path = layout.paths[3]
    assert [spot.rank for spot in path] == [0, 1, 2, 3]
    for line in path[1:-1]:
        box = next(s for s in layout.spots if s.rank == line.rank)
        assert abs(line.x - box.x) > box.width / 2
