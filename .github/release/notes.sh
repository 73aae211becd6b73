#!/usr/bin/env bash
# Prints what CHANGELOG.md says about a tag (notes.sh v1.2.3). Fails where that is nothing, or the tag isn't the version of
# Cargo.toml, so that it is noticed before anything is built.
set -euo pipefail

version=${1#v}
written=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
if [ "v$version" != "$1" ] || [ "$version" != "$written" ]; then
    echo "the tag is $1, and the version in Cargo.toml $written" >&2
    exit 1
fi
notes=$(awk -v title="## $version" '/^## / { inside = $0 == title || index($0, title " ") == 1; next } inside' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
    echo "CHANGELOG.md has no section \`## $version\`" >&2
    exit 1
fi
printf '%s\n' "$notes"
