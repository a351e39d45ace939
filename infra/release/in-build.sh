# A step of a build, in any image: what is called finds the programs that other steps kept. Terraform's own commands are
# among those who look for them.
set -eu
PATH="$PWD/.tools/bin:$PATH"
export PATH
exec "$@"
