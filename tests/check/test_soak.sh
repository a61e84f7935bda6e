# A short soak: `make soak SECONDS=...` is the long one.
SECONDS=${SOAK_SECONDS:-8}
. tests/soak/soak.sh
