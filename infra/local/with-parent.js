// Loaded into each function's process: ends it when the process that started it has gone, however that went.

/** A transaction that is under way comes to its end: Firestore would hold what it locked for a minute. */
const lastWorkMs = 2000;

process.on('disconnect', () => {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), lastWorkMs);
});
// A process that has nothing left to do ends all the same.
process.channel?.unref();
