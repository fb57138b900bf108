"""A SAM 2.1 and an EdgeTAM so small that tests can run them: the transformers library's code with random weights."""

import json
from pathlib import Path

import torch
from transformers import (
    EdgeTamVideoConfig,
    EdgeTamVideoModel,
    Sam2HieraDetConfig,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam2VisionConfig,
)
from transformers.models.sam2_video.configuration_sam2_video import (
    Sam2VideoMaskDecoderConfig,
    Sam2VideoPromptEncoderConfig,
)

from actionmesh.models.repvit import RepVitConfig

SIDE = 64


def tiny_config() -> Sam2VideoConfig:
    backbone = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[SIDE, SIDE], blocks_per_stage=[1, 2, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 1, 2, 4],
        window_positional_embedding_background_size=[2, 2], window_size_per_stage=[8, 4, 4, 2],
        global_attention_blocks=[4],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=128,
        backbone_feature_sizes=[[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
    )  # fmt: skip
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(hidden_size=128, image_size=SIDE, mask_input_channels=4),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(hidden_size=128, mlp_dim=32, num_attention_heads=2,
            iou_head_hidden_dim=16),
        image_size=SIDE, memory_attention_hidden_size=128, memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=64, memory_attention_rope_feat_sizes=[SIDE // 16] * 2,
        memory_encoder_hidden_size=128, memory_encoder_output_channels=64, mask_downsampler_embed_dim=128,
        memory_fuser_embed_dim=128, memory_fuser_intermediate_dim=32, memory_fuser_num_layers=1,
    )  # fmt: skip


def save_tiny(folder: Path, sees: bool = True) -> Path:
    """Save a tiny SAM 2.1 as published: `config.json` and `model.safetensors`, which sees a subject or none."""
    torch.manual_seed(0)
    network = Sam2VideoModel(tiny_config())
    network.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(100 if sees else -100)
    network.save_pretrained(folder)
    return folder


def tiny_edgetam_config() -> dict:
    """Return a configuration as EdgeTAM's: all of it small but the backbone, whose sizes are fixed."""
    sides = [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2]
    return {
        "model_type": "edgetam_video",
        "image_size": SIDE,
        "vision_config": {
            "model_type": "edgetam_vision_model",
            "backbone_config": {
                "model_type": "timm_wrapper",
                "architecture": "repvit_m1.dist_in1k",
                "model_args": {"features_only": True, "in_chans": 3, "out_indices": [0, 1, 2, 3]},
            },
            "backbone_feature_sizes": sides,
            "fpn_hidden_size": 128,
        },
        "prompt_encoder_config": {"hidden_size": 128, "image_size": SIDE, "mask_input_channels": 4},
        "mask_decoder_config": {
            "hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
        "memory_attention_hidden_size": 128,
        "memory_attention_num_layers": 1,
        "memory_attention_mlp_hidden_size": 64,
        "memory_attention_rope_feat_sizes": [SIDE // 16] * 2,
        "memory_attention_rope_k_sizes": [4, 4],
        "perceiver_resampler_num_latents": 16,
        "perceiver_resampler_num_latents_2d": 16,
        "memory_encoder_hidden_size": 128,
        "mask_downsampler_embed_dim": 128,
        "memory_fuser_embed_dim": 128,
        "memory_fuser_intermediate_dim": 32,
        "memory_fuser_num_layers": 1,
    }  # fmt: skip


def save_tiny_edgetam(folder: Path, sees: bool = True) -> Path:
    """Save a tiny EdgeTAM as published, with the configuration that names timm's backbone."""
    torch.manual_seed(0)
    values = tiny_edgetam_config()
    vision = {**values["vision_config"], "backbone_config": {"model_type": RepVitConfig.model_type}}
    network = EdgeTamVideoModel(EdgeTamVideoConfig.from_dict({**values, "vision_config": vision}))
    network.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(100 if sees else -100)
    network.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(values))
    return folder


SAVED = {"sam2.1-hiera-tiny": save_tiny, "EdgeTAM-hf": save_tiny_edgetam}
"""What saves each network, by the name of its folder."""
