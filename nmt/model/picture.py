"""Pictures -> states of the cells of a grid: what stands in the encoder's place where the source is no sentence.

With it any decoder and attention of `nmt.model` writes captions, and its weights lie on the picture (Xu et al. 2015,
"Show, attend and tell").

Letters: B pictures, Y rows, X columns, H size of the states.
"""

import torch
from torch import Tensor, nn

from nmt.config import ModelConfig
from nmt.data.batch import length_mask, on_device_of
from nmt.model.cells import CELLS
from nmt.model.encoder import EncoderOutput

CELL_PIXELS = 4
"""Rows and columns of a picture that make one cell of the grid."""


class PictureEncoder(nn.Module):
    """A convolutional network whose last feature map is what a decoder attends to (Xu et al. 2015, section 3.1.1).

    Each pixel has its place in the picture beside its colour (Liu et al. 2018, section 3), so that a decoder can tell
    where the cell lies that it attends to. A cell sees 23 pixels in each direction. The decoder starts from the mean of
    all cells (Xu et al. 2015, section 3.1.2; the layer there is `nmt.model.encoder.Bridge`).

    Args:
        config: size of the states, layers and cell of the decoder.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        sizes = [5, 32, 64, size, size]
        strides = [2, 2, 1, 1]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(below, above, 3, stride, padding=1)
            for below, above, stride in zip(sizes[:-1], sizes[1:], strides, strict=True)
        )
        self.layers, self.parts = config.state_layers, CELLS[config.cell].parts

    def forward(self, pictures: Tensor, lengths: Tensor) -> EncoderOutput:
        """Encodes pictures (B, 3, Y, X), from 0 to 1; lengths (B,) are the cells of each, row by row: all of them."""
        features = torch.cat([2 * pictures - 1, _places(pictures)], dim=1)
        for convolution in self.convolutions:
            features = torch.relu(convolution(features))
        states = features.flatten(2).mT
        mean = states.mean(dim=1)
        mask = length_mask(on_device_of(lengths, states), states.shape[1])
        return EncoderOutput(states, [(mean,) * self.parts] * self.layers, mask)


def _places(pictures: Tensor) -> Tensor:
    """(B, 2, Y, X): row and column of each pixel, from -1 to 1."""
    axes = (torch.linspace(-1, 1, size, device=pictures.device) for size in pictures.shape[2:])
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    return places.to(pictures.dtype).expand(len(pictures), -1, -1, -1)
