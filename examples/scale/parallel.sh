#!/bin/sh
# Counts logs with GNU parallel, one towtank on one thread for each processor, and prints the report of all.
#
#     examples/scale/parallel.sh mesh/ logs/*.log.gz
#
# With `--sshloginfile hosts` behind `parallel` they run on other machines, where towtank and the manifests are, too.
set -eu
mesh=$1
shift
# Outputs come one behind the other, whichever is ready first: neither order nor number of tallies matters to merge.
parallel --halt now,fail=1 --quote \
    towtank simulate "$mesh" --requests {} --tally - --threads 1 --quiet ::: "$@" |
    towtank merge -
