/** `plusminus/accelerator`: assembler, compiler and simulators of the accelerator, in Node. */
export { assemble } from '../accelerator/assembler.ts';
export { Cluster, type ClusterOptions, type Halt, type Span } from '../accelerator/cluster.ts';
export { type CompiledModel, compileModel } from '../accelerator/compile/model.ts';
export { disassemble } from '../accelerator/disassembler.ts';
export { describeFault, type FunctionalHalt, runProgram } from '../accelerator/functional.ts';
export { GreedyHost, type Host } from '../accelerator/host.ts';
export { type FaultCode, faults, Machine } from '../accelerator/machine.ts';
export { loadPackage, type Package, savePackage } from '../accelerator/package.ts';
export { ddr4, defaultSizes, type MachineSizes, type MemoryTiming } from '../accelerator/parameters.ts';
export { makeReport, type Report, type ReportOptions } from '../accelerator/report.ts';
