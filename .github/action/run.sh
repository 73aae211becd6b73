#!/usr/bin/env bash
# Runs towtank with the inputs of the action, which come as COMMAND, PATHS, ARGS, FAIL_ON, OUTPUT and OUTPUT_FILE. None of them
# is ever read as shell: a line is an argument.
set -euo pipefail

case "$COMMAND" in
    check | test | simulate | routes | explain | verify) ;;
    *)
        echo "::error title=towtank::\`command\` is check, test, simulate, routes, explain or verify"
        exit 2
        ;;
esac

words=("$COMMAND")
add_lines() {
    local line
    while IFS= read -r line; do
        line=${line%$'\r'}
        [ -z "$line" ] || words+=("$line")
    done <<<"$1"
}

if [ -z "$OUTPUT" ]; then
    case "$COMMAND" in check | test) OUTPUT=github ;; esac
fi
[ -z "$OUTPUT" ] || words+=("--output=$OUTPUT")
[ -z "$FAIL_ON" ] || words+=("--fail-on=$FAIL_ON")
add_lines "$ARGS"
words+=(--) # a file may have any name
add_lines "$PATHS"

status=0
if [ -n "$OUTPUT_FILE" ]; then
    towtank "${words[@]}" >"$OUTPUT_FILE" || status=$?
elif [ "$OUTPUT" = github ]; then
    towtank "${words[@]}" || status=$?
else
    # What manifests have in their names must not be taken for a command to the runner.
    token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    echo "::stop-commands::$token"
    towtank "${words[@]}" || status=$?
    echo "::$token::"
fi
echo "status=$status" >>"$GITHUB_OUTPUT"
exit "$status"
