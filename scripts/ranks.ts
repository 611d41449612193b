/** Runs a command once for each rank, without MPI: `npx node scripts/ranks.ts -n 2 node program.ts`. */
import { launchRanks } from '../src/ranks/launch.ts';

const [flag, count, ...command] = process.argv.slice(2);
const size = Number(count);
if (flag !== '-n' || !Number.isInteger(size) || size < 1 || command.length === 0) {
  console.error('usage: npx node scripts/ranks.ts -n <ranks> <command>');
  process.exit(1);
}
process.exitCode = await launchRanks(size, command);
