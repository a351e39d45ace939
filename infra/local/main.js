// What `npm start` and `npm run collect` run. Plain JavaScript that any Node understands, so that one too
// old to read the rest says so instead of failing on its syntax.

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `Berth needs Node 24, this is ${process.version}. Run it as \`npm start\`, after \`npm ci\`: that brings its own.\n`,
  );
  process.exit(1);
}

const command = process.argv[2] === 'collect' ? './collect.ts' : './start.ts';
import(command)
  .then(({ main }) => main())
  .catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
