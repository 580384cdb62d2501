"""Inference servers behind one seam.

registry            the dict of engines
base                what an engine is, to a dialogue
connect             a config's two engines
completions         what all servers share
llama_server, koboldcpp, vllm, aphrodite: a dialect each
embedded            the models that ship with parrot; embedded_server is that server's own process
scripted            an engine that says what a test wrote
tokenizer_template  prompts by a Hugging Face tokenizer
sandbox             chat templates of strangers, bounded
wire, sse, retry    HTTP, event streams, another try; limits, of what a server may send
"""
