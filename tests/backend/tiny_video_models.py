"""Tiny pipelines of the video models' own classes, saved as the published ones are.

Their networks have random weights, except that Wan's decoder shows a red blob on a plain pale background, whose inner
parts come and go with the latents: a clip that can be cut out and moves.
"""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    AutoencoderKLWan,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from sentencepiece import SentencePieceTrainer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel, UMT5Config, UMT5EncoderModel

SPECIAL = ("<pad>", "</s>", "<unk>")
CHANNELS, WIDTH = 4, 8
ENCODER = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}


def tokenizer():
    """Return a tokenizer as T5's: pieces with scores, a space as an underscore, an end mark."""
    letters = "▁abcdefghijklmnopqrstuvwxyz.,:"
    vocabulary = [(piece, 0.0) for piece in SPECIAL] + [(piece, -2.0) for piece in letters]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    pad, end, unknown = SPECIAL
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad, eos_token=end, unk_token=unknown)


def save_wan(folder, blob=True):
    """Save a pipeline of Wan's classes; return its folder."""
    folder = Path(folder)
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=WIDTH, z_dim=CHANNELS, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        latents_mean=[0.0] * CHANNELS, latents_std=[1.0] * CHANNELS,
    )  # fmt: skip
    if blob:
        show_blob(vae)
    transformer = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=CHANNELS, out_channels=CHANNELS, text_dim=16,
        freq_dim=16, ffn_dim=16, num_layers=1, cross_attn_norm=True, rope_max_seq_len=32,
    )  # fmt: skip
    words = tokenizer()
    encoder = UMT5EncoderModel(UMT5Config(vocab_size=len(words), **ENCODER)).eval()
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    WanPipeline(words, encoder, vae, scheduler, transformer).save_pretrained(folder)
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    transformer.save_pretrained(folder / "transformer", max_shard_size="20KB")  # several files, as the published one
    return folder


@torch.no_grad()
def show_blob(vae):
    """Set the decoder's weights so that a picture is red where the sum of 3 x 3 latents is large.

    All latents are about 1, and beyond the picture's edge they are 0: the sum is small along the edge.
    """
    for weights in (*vae.post_quant_conv.parameters(), *vae.decoder.parameters()):
        weights.zero_()
    vae.post_quant_conv.weight[0, 0] = 0.25
    vae.post_quant_conv.bias[0] = 1
    decoder = vae.decoder
    decoder.conv_in.weight[0, 0, -1] = 1
    decoder.conv_in.bias[0] = -8.2
    for block in decoder.up_blocks:
        for inner in block.resnets:
            if isinstance(inner.conv_shortcut, torch.nn.Conv3d):
                inner.conv_shortcut.weight[0, 0] = 1
        for upsampler in block.upsamplers or ():
            upsampler.resample[1].weight[0, 0, 1, 1] = 1
            if hasattr(upsampler, "time_conv"):
                upsampler.time_conv.weight[0, 0, -1] = upsampler.time_conv.weight[WIDTH, 0, -1] = 1
    decoder.norm_out.gamma.fill_(1)
    decoder.conv_out.weight[1:3, 0, -1, 1, 1] = -0.5
    decoder.conv_out.bias.fill_(0.6)


def save_cogvideox(folder):
    """Save a pipeline of CogVideoX's classes."""
    torch.manual_seed(0)
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8), latent_channels=CHANNELS, layers_per_block=1, norm_num_groups=2,
    )  # fmt: skip
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=CHANNELS, out_channels=CHANNELS, time_embed_dim=8,
        text_embed_dim=16, num_layers=1, sample_width=8, sample_height=8, sample_frames=9, max_text_seq_length=226,
    )  # fmt: skip
    words = tokenizer()
    encoder = T5EncoderModel(T5Config(vocab_size=len(words), **ENCODER)).eval()
    scheduler = CogVideoXDDIMScheduler(prediction_type="v_prediction")
    CogVideoXPipeline(words, encoder, vae, transformer, scheduler).save_pretrained(folder)
    save_sentence_pieces(folder / "tokenizer")
    return folder


def save_sentence_pieces(folder):
    """Replace a tokenizer by one in the form that CogVideoX publishes: sentence pieces alone."""
    (folder / "tokenizer.json").unlink()
    texts = iter(["a fox jumps over the lazy dog", "quick brown vixens zip by"] * 20)
    with (folder / "spiece.model").open("wb") as file:
        SentencePieceTrainer.train(
            sentence_iterator=texts, model_writer=file, vocab_size=len(SPECIAL) + 30, hard_vocab_limit=False,
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
        )  # fmt: skip
    pad, end, unknown = SPECIAL
    names = {"pad_token": pad, "eos_token": end, "unk_token": unknown, "extra_ids": 0}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer", **names}))
