"""From latent tokens to values at query points: the half shared by the shape VAE and the temporal autoencoder."""

from typing import cast

from torch import Tensor, nn

from ..acceleration.compilation import block_caller, call_eagerly
from ..acceleration.execution import Execution
from .attention import KeysValues, Rope
from .blocks import CrossBlock, SelfBlock
from .layers import LayerNorm


class LatentDecoder(nn.Module):
    """Self-attention over the latent tokens (once per latent), then cross-attention for any number of queries.

    The output projection of the public checkpoints has the opposite sign of its meaning, so its output is negated
    here.
    """

    def __init__(self, width: int, heads: int, layers: int, query_width: int, out_width: int):
        super().__init__()
        self.proj_query = nn.Linear(query_width, width)
        blocks: list[nn.Module] = [SelfBlock(width, heads) for _ in range(layers)]
        self.blocks = nn.ModuleList([*blocks, CrossBlock(width, heads)])
        self.norm_out = LayerNorm(width)
        self.proj_out = nn.Linear(width, out_width)
        self._call = call_eagerly

    def prepare_inference(self, execution: Execution) -> None:
        """Fuse projections and set how the network runs. The network cannot be trained afterwards.

        The queries' block is never compiled, because the number of queries changes from call to call.
        """
        for block in self.blocks:
            cast(SelfBlock | CrossBlock, block).prepare_inference(execution)
        self._call = block_caller(execution)

    def prepare(self, tokens: Tensor, rope: Rope | None = None) -> KeysValues:
        """Return the keys and values that queries attend to, in the queries' type, for tokens (B, L, D)."""
        for block in self.blocks[:-1]:
            tokens = self._call(block, tokens, rope)
        return cast(CrossBlock, self.blocks[-1]).x_attn.project_context(tokens.to(self.proj_out.weight.dtype))

    def query(self, queries: Tensor, context: KeysValues) -> Tensor:
        """Return the values (B, Q, out) of queries (B, Q, D)."""
        values: Tensor = -self.proj_out(self.norm_out(self.blocks[-1](queries, context)))
        return values
