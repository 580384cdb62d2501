#!/usr/bin/env bash
# Builds a llama-server whose --ignore-eos ignores the end token: the llama.cpp source inside the sdist of llama-cpp-python
# that pip downloads, with fix-ignore-eos.patch; static, for the CPU.
#
#     v0/build.sh [FOLDER]
#
# FOLDER is build/v0 when left out; the server is FOLDER/bin/llama-server. Needs git, cmake and a C++ compiler; some minutes
# and 400 MB. JOBS compile at once (all processors when not set). Exit codes: 0 built, else that of the step that failed.
set -euo pipefail

version=0.3.36
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${1:-$here/../build/v0}"
folder=$(cd "${1:-$here/../build/v0}" && pwd -P)
if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
elif [ -x "$here/../.venv/bin/python" ]; then
    python=$here/../.venv/bin/python
else
    python=python3
fi

sdist=$folder/llama_cpp_python-$version.tar.gz
if [ ! -e "$sdist" ]; then
    "$python" -m pip download --no-deps --no-binary llama-cpp-python --dest "$folder" "llama-cpp-python==$version"
fi
source=$folder/llama_cpp_python-$version/vendor/llama.cpp
rm -rf "$folder/llama_cpp_python-$version"
tar -xzf "$sdist" -C "$folder"
# inside another repository git apply would skip every file without a word, so git must not look for one above the source
(cd "$source" && rm -f .git && GIT_CEILING_DIRECTORIES=$(dirname "$source") git apply "$here/fix-ignore-eos.patch")

cmake -S "$source" -B "$folder" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DLLAMA_OPENSSL=OFF \
    -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DGGML_CCACHE=OFF
cmake --build "$folder" --target llama-server -j "${JOBS:-$(getconf _NPROCESSORS_ONLN)}"
echo "built $folder/bin/llama-server"
