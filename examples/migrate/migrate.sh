#!/bin/sh
# Copies repositories from another registry, every tag of them with its digest, its platforms and its signatures' tags.
#
#   skopeo login old.example.com && skopeo login registry.example.com
#   sh migrate.sh old.example.com registry.example.com/my-project < repositories.txt
#
# Reads the names of repositories, one a line, as the old registry has them; OLD/NAME becomes NEW/NAME. What is already there
# with the same digest is left alone, so run it again until nothing is copied: once before the change, once after it.
# Ends with 1 when a tag could not be copied. INSECURE=1 is for registries that speak plain HTTP.
set -eu

if [ $# -ne 2 ]; then
  echo "usage: migrate.sh OLD NEW < repositories.txt" >&2
  exit 2
fi
old=$1
new=$2
verify=true
[ "${INSECURE:-}" != 1 ] || verify=false

# The digest that a tag has, by what a manifest says of itself; nothing where there is no such tag.
digest() {
  skopeo inspect --raw --tls-verify=$verify "docker://$1" 2>/dev/null >"$work/manifest" || return 0
  sha256sum <"$work/manifest" | cut -d ' ' -f 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copied=0
there=0
failed=0

while IFS= read -r name || [ -n "$name" ]; do
  [ -n "$name" ] || continue
  if ! skopeo list-tags --tls-verify=$verify "docker://$old/$name" </dev/null >"$work/list"; then
    echo "cannot list $old/$name" >&2
    failed=$((failed + 1))
    continue
  fi
  jq -r '.Tags[]' <"$work/list" >"$work/tags"
  while IFS= read -r tag; do
    from=$(digest "$old/$name:$tag")
    if [ -n "$from" ] && [ "$from" = "$(digest "$new/$name:$tag")" ]; then
      there=$((there + 1))
    elif skopeo copy --quiet --all --preserve-digests --retry-times 3 \
      --src-tls-verify=$verify --dest-tls-verify=$verify \
      "docker://$old/$name:$tag" "docker://$new/$name:$tag" </dev/null; then
      echo "$new/$name:$tag"
      copied=$((copied + 1))
    else
      echo "cannot copy $old/$name:$tag" >&2
      failed=$((failed + 1))
    fi
  done <"$work/tags"
done

echo "$copied copied, $there already there, $failed failed"
[ "$failed" -eq 0 ]
