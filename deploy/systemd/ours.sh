#!/bin/sh
# /usr/local/bin/ours, for root: the command with the settings and the user of the service. It may write wherever that
# user may; the service writes in /var/lib/ours alone (docs/deploy.md).
exec systemd-run --quiet --collect --wait --pty --pipe --uid=ours --gid=ours --working-directory=/var/lib/ours \
    --property=EnvironmentFile=/etc/ours/ours.env --property=UMask=0077 -- /opt/ours/.venv/bin/ours "$@"
