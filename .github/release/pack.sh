#!/usr/bin/env bash
# Packs a release: pack.sh TAG BUILT ASSETS. BUILT has a folder for each target, named by it, with its binary and its wheel, and one
# with the playground; ASSETS gets an archive for each target, the wheels, the playground, and SHA256SUMS over all of them. Run at the
# root of the repository, on Linux.
set -euo pipefail

tag=$1
built=$(realpath "$2")
mkdir -p "$3"
assets=$(realpath "$3")
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# Any of the binaries can write the completions, but here only one that runs here.
native=$built/x86_64-unknown-linux-musl/towtank
chmod +x "$native"
mkdir "$stage/completions"
for shell in bash elvish fish powershell zsh; do
    case $shell in
        bash) file=towtank.bash ;;
        elvish) file=towtank.elv ;;
        fish) file=towtank.fish ;;
        powershell) file=_towtank.ps1 ;;
        zsh) file=_towtank ;;
    esac
    "$native" completions "$shell" >"$stage/completions/$file"
done

# One file for all systems.
mv "$built/playground/playground.html" "$assets/"
rmdir "$built/playground"

for folder in "$built"/*/; do
    target=$(basename "$folder")
    name=towtank-$tag-$target
    mkdir "$stage/$name"
    cp -R LICENSE README.md CHANGELOG.md "$stage/completions" "$stage/$name/"
    for binary in "$folder"towtank "$folder"towtank.exe; do
        [ ! -f "$binary" ] || install -m 755 "$binary" "$stage/$name/"
    done
    tar -czf "$assets/$name.tar.gz" -C "$stage" --owner=0 --group=0 --sort=name "$name"
    case $target in
        *windows*) (cd "$stage" && zip --quiet --recurse-paths "$assets/$name.zip" "$name") ;;
    esac
    find "$folder" \( -name '*.whl' -o -name 'towtank-*.tar.gz' \) -exec cp {} "$assets/" \;
done

cd "$assets"
sha256sum -- * >"$stage/SHA256SUMS"
mv "$stage/SHA256SUMS" .
