#!/usr/bin/env bash
# Lets dermx be built with CUDA where LLVM cannot be downloaded from github.com, on Debian or Ubuntu.
#
# Burn compiles its CUDA kernels with LLVM. Its build downloads LLVM 23.1 from github.com, unless it is
# already in the user's data folder. This puts the distribution's LLVM 22 there, by links.
#
#     sudo apt-get install --no-install-recommends llvm-22-dev g++ zlib1g-dev libzstd-dev
#     docs/llvm-for-cuda.sh
#     cargo xtask backends --backend cuda
#
# With Burn 0.22.1 this links and starts. What LLVM 22 makes of the kernels was not tried on a GPU:
# compare with the processor (`cargo xtask bench --config compare-backends.toml --backend cpu
# --backend cuda`), and prefer Burn's own LLVM where it can be had.
set -euo pipefail

llvm=/usr/lib/llvm-22
place="${XDG_DATA_HOME:-$HOME/.local/share}/tracel/tracel-llvm-23.1.0-4"

if [ ! -x "$llvm/bin/llvm-config" ]; then
    echo "$llvm is missing: apt-get install llvm-22-dev" >&2
    exit 1
fi
mkdir -p "$place/bin" "$place/lib"
ln -sfn "$llvm/include" "$place/include"
ln -sf "$llvm"/lib/libLLVM*.a "$place/lib/"
# Linked into the binary, so that it runs on machines without them.
for library in z zstd; do
    ln -sf "$(g++ -print-file-name=lib$library.a)" "$place/lib/"
done

# Burn asks llvm-config for everything; it needs only what compiles for NVIDIA's GPUs.
cat > "$place/bin/llvm-config" <<'CONFIG'
#!/bin/sh
real=/usr/lib/llvm-22/bin/llvm-config
place=$(cd "$(dirname "$0")/.." && pwd)
components="nvptx native passes ipo bitreader bitwriter linker irreader irprinter orcjit mcjit executionengine interpreter"
for argument in "$@"; do
    case "$argument" in
        --libs | --libnames) exec $real --link-static "$argument" $components ;;
        --system-libs) echo "-lrt -ldl -lm -lz -lzstd"; exit 0 ;;
        --libdir) echo "$place/lib"; exit 0 ;;
    esac
done
exec $real "$@"
CONFIG
chmod +x "$place/bin/llvm-config"
touch "$place/.tracel-llvm-installed"
echo "LLVM 22 is in $place"
