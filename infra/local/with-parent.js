// Loaded into each function's process: ends it when the process that started it has gone, however that went.

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A process that has nothing left to do ends all the same.
process.channel?.unref();
