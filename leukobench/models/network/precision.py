"""In which precision a network trains, and depthwise convolutions that are as fast backwards as forwards in bfloat16.

Imports torch, so it is imported when the first network is trained and never before.
"""

from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def computing_in(precision, device):
    """Compute as autocast does, with what it lacks on a CPU.

    Weights, optimiser and loss stay float32 in either precision.

    Parameters
    ----------
    precision : {"float32", "bfloat16"}
    device : {"cpu", "cuda"}
    """
    half = precision == "bfloat16"
    with torch.autocast(device, torch.bfloat16, enabled=half), Depthwise(half and device == "cpu"):
        yield


class Depthwise(torch.overrides.TorchFunctionMode):
    """Sends trained depthwise convolutions of bfloat16 through `_Depthwise`, whatever network they are of.

    oneDNN has no fast kernel for the gradient of their input: of MobileNetV2 it took 13 times as long as in float32.

    Parameters
    ----------
    enabled : bool
    """

    def __init__(self, enabled):
        super().__init__()
        self.enabled = enabled

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call the function, or what takes its place."""
        kwargs = kwargs or {}
        if self.enabled and function is torch.conv2d and torch.is_grad_enabled():
            images, weight, plain, *place = _convolution(*args, **kwargs)
            depthwise = weight.requires_grad and images.shape[1] == weight.shape[0] > 1 == weight.shape[1]
            if depthwise and plain:
                return _Depthwise.apply(images.bfloat16(), weight.bfloat16(), *place)
        return function(*args, **kwargs)


def _convolution(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """What `torch.conv2d` is told: images, weight, whether `_Depthwise` computes the like of it, stride, padding."""
    if isinstance(padding, str):
        return input, weight, False, stride, padding
    stride, padding, dilation = (tuple(np.broadcast_to(each, 2).tolist()) for each in (stride, padding, dilation))
    narrow = all(pad < side for pad, side in zip(padding, weight.shape[2:], strict=True))
    return input, weight, narrow and input.ndim == 4 and bias is None and dilation == (1, 1), stride, padding


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution whose gradient for its input is a convolution with the turned kernel."""

    @staticmethod
    def forward(ctx, images, weight, stride, padding):
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding = stride, padding
        return torch.conv2d(images, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx, slopes):
        images, weight = ctx.saved_tensors
        place = (ctx.stride, ctx.padding, (1, 1), False, (0, 0), len(weight))
        of_weight = torch.ops.aten.convolution_backward(slopes, images, weight, None, *place, (False, True, False))[1]
        if not ctx.needs_input_grad[0]:
            return None, of_weight, None, None
        # What a stride left out has no slope; from there on the convolution is one of stride 1.
        height, width = (
            side + 2 * pad - kernel + 1
            for side, pad, kernel in zip(images.shape[2:], ctx.padding, weight.shape[2:], strict=True)
        )
        if max(ctx.stride) > 1:
            spread = slopes.new_zeros((*slopes.shape[:2], height, width)).to(memory_format=torch.channels_last)
            spread[:, :, :: ctx.stride[0], :: ctx.stride[1]] = slopes
            slopes = spread
        turned = weight.flip(2, 3).contiguous(memory_format=torch.channels_last)
        margin = [kernel - 1 - pad for kernel, pad in zip(weight.shape[2:], ctx.padding, strict=True)]
        return torch.conv2d(slopes, turned, None, 1, margin, 1, len(weight)), of_weight, None, None
