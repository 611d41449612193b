/** Imported first by every benchmark: failures end it with one line, as on the command line, not with a stack trace. */
import { endQuietlyOnBrokenPipe, reportFailure } from '../src/cli/failure.ts';

endQuietlyOnBrokenPipe();
process.on('uncaughtException', (error) => {
  reportFailure(error);
  process.exit();
});
