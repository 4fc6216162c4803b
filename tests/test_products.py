"""Products by oneDNN or MKL: the results of torch's own, whatever the memory layout of the factors."""

import pytest
import torch

from nmt.model.kernels import products
from nmt.model.kernels.products import (
    PIECES,
    add_product,
    dense,
    has_onednn,
    layered_product,
    long_product,
    matmul,
    packed,
    packed_layers,
    product,
    product_over_rows,
    settled,
    sum_of_product,
)

pytestmark = pytest.mark.usefixtures("library")

LEFT, RIGHT, BIAS = torch.randn(7, 24), torch.randn(5, 24), torch.randn(5)
WIDE = torch.randn(5, 30)

RIGHTS = {
    "dense": RIGHT,
    "packed": packed(RIGHT),
    "a transpose": RIGHT.t().contiguous().t(),
    "some columns": WIDE[:, 3:27],
    "every other row": torch.randn(10, 24)[::2],
}


def plain(matrix):
    return RIGHT if matrix.is_mkldnn else matrix


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_a_product_is_that_of_the_transpose(right):
    expected = LEFT @ plain(right).t()
    torch.testing.assert_close(product(LEFT, right), expected)
    torch.testing.assert_close(product(LEFT, right, BIAS), expected + BIAS)
    torch.testing.assert_close(sum_of_product(torch.full((7, 5), 2.0), LEFT, right), expected + 2.0)


def test_a_matrix_settles_in_the_order_of_the_library(library):
    matrix = settled(RIGHT)
    assert matrix.stride() == (1, 5) if library == "by MKL" else matrix.is_mkldnn
    torch.testing.assert_close(product(LEFT, matrix, BIAS), LEFT @ RIGHT.t() + BIAS)
    assert settled(RIGHT.double()).stride() == (24, 1)


@pytest.mark.parametrize("layers", [1, 2])
def test_layers_side_by_side_are_multiplied_each_with_its_own(layers):
    left, right, summand = torch.randn(layers, 7, 24), torch.randn(layers, 5, 24), torch.randn(layers, 7, 5)
    expected = torch.stack([x @ matrix.t() for x, matrix in zip(left, right, strict=True)])
    back = torch.stack([x @ matrix for x, matrix in zip(expected, right, strict=True)])
    torch.testing.assert_close(layered_product(left, packed_layers(right)), expected)
    torch.testing.assert_close(layered_product(left, packed_layers(right), summand), expected + summand)
    torch.testing.assert_close(layered_product(expected, packed_layers(right.mT)), back)


@pytest.mark.parametrize("layers", [(), (1,), (3,)], ids=str)
@pytest.mark.parametrize("rows", [1, 127, 128, 512, 640 + 128, 2 * 512 + 3 * 128 + 5])
def test_any_number_of_rows_is_multiplied_in_pieces_of_few_sizes(rows, layers, library, monkeypatch):
    left, right, bias = torch.randn(*layers, rows, 24), torch.randn(*layers, 5, 24), torch.randn(*layers, 5)
    expected = left @ right.mT
    asked = []
    by_onednn = products.product
    monkeypatch.setattr(products, "product", lambda *each: (asked.append(len(each[0])), by_onednn(*each))[1])
    torch.testing.assert_close(long_product(left, right), expected)
    torch.testing.assert_close(long_product(left, right, bias), expected + bias.unsqueeze(-2))
    assert set(asked) <= set(PIECES)
    assert bool(asked) == (library == "by oneDNN in pieces" and rows >= min(PIECES))


@pytest.mark.parametrize("layers", [(), (1,), (3,)], ids=str)
@pytest.mark.parametrize("rows", [1, 127, 128, 512, 640 + 128, 2 * 512 + 3 * 128 + 5])
def test_rows_are_summed_over_in_pieces(rows, layers, library, monkeypatch):
    left, right = torch.randn(*layers, rows, 24), torch.randn(*layers, rows, 5)
    asked = []
    by_onednn = products.product
    monkeypatch.setattr(products, "product", lambda *each: (asked.append(each[0].shape[1]), by_onednn(*each))[1])
    close = {"rtol": 1e-4, "atol": 1e-4}  # sums of a thousand
    torch.testing.assert_close(product_over_rows(left, right), left.mT @ right, **close)
    torch.testing.assert_close(product_over_rows(right, left), right.mT @ left, **close)
    wide = torch.cat([left, left], dim=-1)[..., 3:27]
    torch.testing.assert_close(product_over_rows(wide, right), wide.mT @ right, **close)
    assert set(asked) <= set(PIECES)
    assert bool(asked) == (library == "by oneDNN in pieces" and rows >= min(PIECES))


def test_a_product_is_added_to_a_total_in_its_place():
    left, right = torch.randn(40, 24), torch.randn(40, 5)
    first = add_product(None, left, right)
    torch.testing.assert_close(first, left.t() @ right)
    assert add_product(first, left, right) is first
    torch.testing.assert_close(first, 2.0 * left.t() @ right)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_keep_theirs(dtype):
    left, right = LEFT.to(dtype), RIGHT.to(dtype)
    assert packed(right) is right
    for found in (product(left, right), matmul(left, right.t())):
        assert found.dtype == dtype
    torch.testing.assert_close(product(left, right), left @ right.t())


def test_products_of_several_dimensions_are_left_to_torch():
    left, right = torch.randn(3, 4, 5), torch.randn(3, 5, 2)
    torch.testing.assert_close(matmul(left, right), left @ right)
    torch.testing.assert_close(matmul(left[0], right[0]), left[0] @ right[0])


def test_nothing_times_something_is_nothing():
    assert product(torch.zeros(0, 24), RIGHT).shape == (0, 5)


def test_a_matrix_with_gaps_is_copied_and_another_is_not():
    assert dense(RIGHT) is RIGHT
    transposed = RIGHT.t()
    assert dense(transposed) is transposed
    assert dense(WIDE[:, 3:27]).is_contiguous()


HAS_MKL_AT_HOME, OUTGROWS_MKL = products._has_mkl_at_home.__wrapped__, products._outgrows_mkl.__wrapped__
PROCESSORS = {
    "AMD's Zen 5": {"cpu_name": "AMD EPYC", "avx512_f": True, "avx512_vp2intersect": True, "l1d_cache_size": 48 << 10},
    "the same, but for what a virtual machine hides": {"cpu_name": "AMD", "avx512_f": True, "l1d_cache_size": 48 << 10},
    "AMD's Zen 4": {"cpu_name": "AMD EPYC", "avx512_f": True, "avx_vnni": False, "l1d_cache_size": 32 << 10},
    "AMD's Zen 3": {"cpu_name": "AMD EPYC", "avx512_f": False},
    "Intel's": {"cpu_name": "Intel(R) Xeon(R)", "avx512_f": True, "avx_vnni": True, "l1d_cache_size": 48 << 10},
    "unknown": {},
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_pieces_pay_where_vectors_are_wider_than_those_of_mkl(name, monkeypatch):
    monkeypatch.setattr(products, "_processor", lambda: PROCESSORS[name])
    assert OUTGROWS_MKL() == (name in list(PROCESSORS)[:2])
    assert HAS_MKL_AT_HOME() == (name == "Intel's" and torch.backends.mkl.is_available())


@pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")
def test_packing_lays_a_matrix_out_anew():
    assert packed(RIGHT).is_mkldnn
    assert packed(WIDE[:, 3:27]).is_mkldnn
    assert packed(RIGHT.t()).is_mkldnn != products._has_mkl_at_home()
