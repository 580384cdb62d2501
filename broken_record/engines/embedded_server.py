"""The embedded models' server process: llama.cpp's HTTP server from the wheel xllamacpp, on a free
loopback port.

Prints its address on stdout, then waits for the end of its stdin. The parent holds the other end of
that pipe and nobody else does, so the server ends however the parent ends, kill -9 included. Its
C++ code logs to stderr.

    python -m broken_record.engines.embedded_server MODEL.gguf ALIAS SETTINGS

SETTINGS are EmbeddedServer.settings() as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Serve until stdin ends."""
    model, alias, settings = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for the parent, which then closes the pipe
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import xllamacpp

    try:
        server = xllamacpp.Server(parameters(model, alias, json.loads(settings)))
    except RuntimeError:  # the log has said why
        sys.stderr.flush()
        os._exit(1)
    try:
        sys.stdout.write(server.listening_address + "\n")
        sys.stdout.flush()
        sys.stdin.buffer.read()
    finally:  # also where the parent went while this started; the server's own end waits for ever
        os._exit(0)


def parameters(model: str, alias: str, settings: dict[str, Any]) -> Any:
    """llama.cpp's parameters. With a device that computes faster than the processor, the wheel
    decides what goes there, and how attention is computed, unless the settings say so.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {alias}
    params.port = settings["port"]
    params.n_ctx = settings["context"] * settings["slots"]
    params.n_parallel = settings["slots"]
    params.cpuparams.n_threads = settings["threads"]
    params.cpuparams_batch.n_threads = settings["threads"]
    params.cache_ram_mib = 0
    kv_type = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{settings['kv_type'].upper()}")
    params.cache_type_k = params.cache_type_v = kv_type
    kinds = xllamacpp.llama_flash_attn_type
    params.flash_attn_type = (
        kinds.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if settings["flash_attention"]
        else kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    if settings["gpu_layers"] is not None:
        params.n_gpu_layers = settings["gpu_layers"]
    if settings["template"] is not None:
        params.chat_template = settings["template"]
    devices = [device["type"].name for device in xllamacpp.get_device_info()]
    params.fit_params = any(name.endswith("GPU") for name in devices)
    return params


if __name__ == "__main__":
    main()
