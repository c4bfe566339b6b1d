#!/bin/sh
# Stands in for ssh where the machines are network namespaces: agent.sh [OPTION ...] ADDRESS COMMAND ...
# The last part of an address is the number of its namespace; RMSPROP_MACHINES is what their names begin with.
while [ "${1#-}" != "$1" ]; do shift; done
number=${1##*.}
shift
exec ip netns exec "$RMSPROP_MACHINES$number" unshare --uts sh -c "hostname machine$number; $*"
