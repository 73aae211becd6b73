#!/usr/bin/env bash
# Puts towtank on the PATH of a job. `plan` takes the binary of a release where there is one, and says otherwise that it has
# to be built; `build` does that, unless the cache had it.
#
# In: ACTION_PATH, ACTION_REPOSITORY, ACTION_REF, SERVER, VERSION, and what every runner sets.
set -euo pipefail

root=$RUNNER_TEMP/towtank

if command -v sha256sum >/dev/null; then sha256=(sha256sum); else sha256=(shasum -a 256); fi

fail() {
    echo "::error title=towtank::$1"
    exit 2
}

fetch() { # ADDRESS FILE
    curl --silent --show-error --fail --location --retry 3 --proto '=https' --output "$2" "$1"
}

on_path() {
    echo "$root/bin" >>"$GITHUB_PATH"
    "$root/bin/towtank" --version
}

target() { # what this machine is called among the assets, or nothing
    case "$RUNNER_OS-$RUNNER_ARCH" in
        Linux-X64) echo x86_64-unknown-linux-musl ;; # static, so it runs beside any C library
        macOS-ARM64) echo aarch64-apple-darwin ;;
        macOS-X64) echo x86_64-apple-darwin ;;
        Windows-X64) echo x86_64-pc-windows-msvc ;;
    esac
}

# Fails where there is no such release, or nothing in it for this machine. A wrong checksum ends everything: it shows that the
# file isn't what the release's author packed, not who that was. `set -e` does nothing in here, since it is called as a condition.
download() { # TAG
    local tag=$1 target name address folder expected found
    target=$(target)
    if [ -z "$target" ] || [ -z "$ACTION_REPOSITORY" ]; then
        return 1
    fi
    name=towtank-$tag-$target
    address=$SERVER/$ACTION_REPOSITORY/releases/download/$tag
    folder=$RUNNER_TEMP/towtank-download
    rm -rf "$folder"
    if ! mkdir -p "$folder" "$root/bin" || ! cd "$folder"; then
        fail "can't write to $folder"
    fi
    if ! fetch "$address/SHA256SUMS" SHA256SUMS || ! fetch "$address/$name.tar.gz" "$name.tar.gz"; then
        return 1
    fi
    expected=$(awk -v name="$name.tar.gz" '{ sub(/^\*/, "", $2) } $2 == name { print $1 }' SHA256SUMS)
    found=$("${sha256[@]}" "$name.tar.gz" | awk '{ print $1 }')
    [ -n "$expected" ] || fail "$name.tar.gz has no checksum in its release"
    [ "$expected" = "$found" ] || fail "the checksum of $name.tar.gz is $found, and should be $expected"
    if ! tar -xzf "$name.tar.gz" || ! cp "$name"/towtank* "$root/bin/"; then
        fail "can't unpack $name.tar.gz"
    fi
}

plan() {
    case "$VERSION" in
        source) ;;
        auto)
            # A branch or commit has no release of its own.
            if [[ $ACTION_REF =~ ^v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$ ]] && download "$ACTION_REF"; then
                on_path
                return
            fi
            ;;
        *)
            [[ $VERSION =~ ^v[0-9][0-9A-Za-z.+-]*$ ]] || fail "\`version\` is auto, source, or the tag of a release such as v0.1.0"
            download "$VERSION" || fail "there is no release $VERSION with a binary for $RUNNER_OS on $RUNNER_ARCH"
            on_path
            return
            ;;
    esac
    # What the binary is made of is the key of the cache.
    cd "$ACTION_PATH"
    local inputs=(Cargo.toml Cargo.lock src tests/admission tests/checks) source
    [ ! -d docs ] || inputs+=(docs)
    source=$(find "${inputs[@]}" -type f -print0 | LC_ALL=C sort -z | xargs -0 "${sha256[@]}" | "${sha256[@]}")
    {
        echo "build=yes"
        echo "source=${source%% *}"
    } >>"$GITHUB_OUTPUT"
}

build() {
    if [ ! -x "$root/bin/towtank" ] && [ ! -x "$root/bin/towtank.exe" ]; then
        command -v cargo >/dev/null || fail "this ref has no release with a binary, and to build it Rust is needed on the runner"
        local options=(--locked --path "$ACTION_PATH" --root "$root" --target-dir "$RUNNER_TEMP/towtank-build")
        # On Windows all but `verify` can be built.
        [ "$RUNNER_OS" != Windows ] || options+=(--no-default-features --features "cli,parallel,compression")
        cargo install "${options[@]}"
    fi
    on_path
}

case "${1-}" in
    plan | build) "$1" ;;
    *) fail "install.sh plan, or install.sh build" ;;
esac
