"""Products by oneDNN: the results of torch's own, whatever the memory layout of the factors."""

import pytest
import torch

from nmt.model.products import dense, has_onednn, matmul, packed, product, sum_of_product

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


@pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")
def test_packing_lays_a_matrix_out_anew():
    assert packed(RIGHT).is_mkldnn
