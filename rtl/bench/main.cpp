// Runs programs on the Verilated cluster, one after another, and writes the trace of each. Reads commands, a line
// each, from standard input:
//   timing KIND NUMBER…       as memory.h reads it
//   program WORD…             instructions, hexadecimal
//   dram FILE OFFSET BYTES    memory begins with these bytes of the file, and is 0 beyond
//   tokens TOKEN…             what the host offers: one for each slot, then the next ones; −1: the slot is inactive
//   generate COUNT            then it feeds back what comes out, for COUNT steps
//   reset CYCLE CYCLES        resets the cluster, but not memory, in that cycle; then the run begins anew: `X` in the trace
//   waves FILE [CYCLE]        waveforms from that cycle on as VCD, if built with Verilator's --trace: a cycle is ten time units
//   run CYCLES                runs on a machine just switched on, at most so long; then `M checksum` of the image, `E cycles`
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "Vpm_bench.h"
#include "Vpm_bench_pm_bench.h"
#include "host.h"
#include "memory.h"
#include "ports.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr int cores = Vpm_bench_pm_bench::cores;
constexpr int slots = Vpm_bench_pm_bench::slots;

struct Job {
  Timing timing;
  std::vector<uint64_t> program;
  std::vector<char> dram;
  Host host;
  uint64_t resetAt = ~0ull, resetCycles = 0;
  std::string waves;
  uint64_t wavesFrom = 0;
};

class Run {
 public:
  explicit Run(Job& job)
      : job_(job), memory_(Vpm_bench_pm_bench::mem_beats), rom_(Vpm_bench_pm_bench::rom_words) {
    std::copy(job.program.begin(), job.program.end(), rom_.begin());
    std::memcpy(memory_.beat(0), job.dram.data(), job.dram.size());
    memory_.setTiming(job.timing);
#if VM_TRACE
    if (!job.waves.empty()) {
      Verilated::traceEverOn(true);
      top_.trace(&waves_, 99);
      waves_.open(job.waves.c_str());
    }
#endif
    top_.rst_ni = 0;
    top_.mem_rst_ni = 0;
    edge();
    top_.rst_ni = 1;
    top_.mem_rst_ni = 1;
  }

  void run(uint64_t maxCycles) {
    const Host fresh = job_.host;
    while (cycle_ < maxCycles && !halted_) {
      top_.rst_ni = cycle_ < job_.resetAt || cycle_ >= job_.resetAt + job_.resetCycles;
      step();
      if (top_.rst_ni) continue;
      std::printf("X %lu\n", (unsigned long)cycle_);
      job_.host = fresh;
    }
    uint32_t checksum = 0;
    for (size_t i = 0; i < job_.dram.size() / 4; i++) {
      checksum = (checksum << 1 | checksum >> 31) ^ *(memory_.beat(0) + i);
    }
    std::printf("M %08x\nE %lu\n", checksum, (unsigned long)cycle_);
    std::fflush(stdout);
    top_.final();
#if VM_TRACE
    waves_.close();
#endif
  }

 private:
  void edge() {
    top_.clk_i = 0;
    top_.eval();
    top_.clk_i = 1;
    top_.eval();
  }

  void step() {
    top_.slots_i = memory_.begin(cycle_);
    answer();
    top_.tok_valid_i = job_.host.offers();
    top_.tok_end_i = job_.host.ended();
    if (top_.tok_valid_i) offer(job_.host.tokens());
    top_.clk_i = 0;
    top_.eval();
    const uint64_t romData = top_.rom_addr_o < rom_.size() ? rom_[top_.rom_addr_o] : 0;
    serve();
    if (top_.tok_ready_o && top_.tok_valid_i) job_.host.taken();
    if (top_.out_valid_o) job_.host.receive(outputs());
    halted_ = top_.halted_o;
    dump(0);
    top_.clk_i = 1;
    top_.eval();
    dump(5);
    top_.rom_data_i = romData;
    cycle_++;
  }

  void offer(const Tokens& tokens) {
    for (int slot = 0; slot < slots; slot++) {
      setBits(top_.tok_active_i, slot, 1, tokens[slot] >= 0);
      setBits(top_.tok_i, 32 * slot, 32, uint32_t(tokens[slot]));
    }
  }

  Tokens outputs() {
    Tokens tokens;
    for (int slot = 0; slot < slots; slot++) tokens.push_back(getBits(top_.out_tok_o, 32 * slot, 32));
    return tokens;
  }

  // The state during a cycle, then what its edge makes of it.
  void dump([[maybe_unused]] int after) {
#if VM_TRACE
    if (!job_.waves.empty() && cycle_ >= job_.wavesFrom) waves_.dump(cycle_ * 10 + after);
#endif
  }

  void answer() {
    setBits(top_.rsp_valid_i, 0, cores + 1, 0);
    Response response;
    for (int port = 0; port <= cores; port++) {
      if (!memory_.next(port, response)) continue;
      setBits(top_.rsp_valid_i, port, 1, 1);
      for (int i = 0; i < beatWords; i++) top_.rsp_data_i[port * beatWords + i] = response.data[i];
    }
  }

  void serve() {
    const uint64_t grants = getBits(top_.req_grant_o, 0, cores + 1);
    for (int port = 0; port <= cores; port++) {
      if (!(grants >> port & 1)) continue;
      const size_t address = getBits(top_.req_addr_o, 28 * port, 28);
      if (!getBits(top_.req_write_o, port, 1)) memory_.read(port, address);
      else memory_.write(address, &top_.req_wdata_o[0]);
    }
  }

  Job& job_;
#if VM_TRACE
  VerilatedVcdC waves_;
#endif
  Vpm_bench top_;
  Memory memory_;
  std::vector<uint64_t> rom_;
  uint64_t cycle_ = 0;
  bool halted_ = false;
};

int fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
  Job job;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "timing") {
      job.timing.read(in);
    } else if (command == "program") {
      job.program.clear();
      job.resetAt = ~0ull;
      for (uint64_t word; in >> std::hex >> word;) job.program.push_back(word);
      if (job.program.size() > Vpm_bench_pm_bench::rom_words) return fail("program: longer than the ROM");
    } else if (command == "dram") {
      std::string path;
      size_t offset = 0, bytes = 0;
      in >> path >> offset >> bytes;
      if (bytes > size_t(Vpm_bench_pm_bench::mem_beats) * beatWords * 4) return fail("dram: larger than the memory");
      job.dram.resize(bytes);
      std::ifstream file(path, std::ios::binary);
      if (!file.seekg(offset) || !file.read(job.dram.data(), bytes)) return fail("dram: cannot read " + path);
    } else if (command == "tokens") {
      job.host = Host();
      for (int64_t token; in >> token;) {
        auto& prompt = job.host.prompt;
        if (prompt.empty() || prompt.back().size() == slots) prompt.emplace_back();
        prompt.back().push_back(token);
      }
    } else if (command == "generate") {
      in >> job.host.generate;
    } else if (command == "reset") {
      in >> job.resetAt >> job.resetCycles;
    } else if (command == "waves") {
      in >> job.waves >> job.wavesFrom;
    } else if (command == "run") {
      uint64_t maxCycles = 0;
      in >> maxCycles;
      Run(job).run(maxCycles);
    } else {
      return fail("unknown command: " + line);
    }
  }
  return 0;
}
