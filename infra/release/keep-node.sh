# A step of a build, in Node's image: Node and npm, kept for the steps that run in other images.
set -eu
mkdir -p .tools/bin .tools/lib
cp /usr/local/bin/node .tools/bin/node
cp -R /usr/local/lib/node_modules .tools/lib/
ln -sf ../lib/node_modules/npm/bin/npm-cli.js .tools/bin/npm
