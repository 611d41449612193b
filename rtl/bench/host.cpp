// The whole accelerator behind its bus. Reads commands, a line each, from standard input:
//   timing …                  as in main.cpp
//   write REGISTER VALUE      a write on the bus, decimal or 0x…
//   read REGISTER             writes what the register holds
//   wait MASK VALUE CYCLES    until CONTROL & MASK is VALUE; writes CONTROL, or `late` after so many cycles
//   reset CYCLES              resets the accelerator, but not memory
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "Vpm_accelerator.h"
#include "memory.h"
#include "ports.h"
#include "verilated.h"

namespace {

constexpr int controlRegister = 1;

class Board {
 public:
  Board(int cores, size_t beats) : cores_(cores), beats_(beats), memory_(beats) {
    top_.mem_rst_ni = 0;
    reset(1);
    top_.mem_rst_ni = 1;
  }

  void setTiming(const Timing& timing) { memory_.setTiming(timing); }

  void reset(int cycles) {
    top_.rst_ni = 0;
    for (int i = 0; i < cycles; i++) step();
    top_.rst_ni = 1;
  }

  void write(int address, uint32_t value) {
    top_.bus_valid_i = 1;
    top_.bus_write_i = 1;
    top_.bus_addr_i = address;
    top_.bus_wdata_i = value;
    step();
    top_.bus_valid_i = 0;
    top_.bus_write_i = 0;
  }

  uint32_t read(int address) {
    top_.bus_valid_i = 1;
    top_.bus_addr_i = address;
    step();
    top_.bus_valid_i = 0;
    top_.eval();
    return top_.bus_rdata_o;
  }

 private:
  // One cycle: memory answers and serves, then the clock's edge.
  void step() {
    const int ports = cores_ + 2;
    top_.slots_i = memory_.begin(cycle_);
    Response response;
    for (int port = 0; port < ports; port++) {
      const bool valid = memory_.next(port, response);
      setBits(top_.rsp_valid_i, port, 1, valid);
      for (int i = 0; valid && i < beatWords; i++) top_.rsp_data_i[port * beatWords + i] = response.data[i];
    }
    top_.clk_i = 0;
    top_.eval();
    for (int port = 0; port < ports; port++) {
      if (getBits(top_.req_grant_o, port, 1)) serve(port);
    }
    top_.clk_i = 1;
    top_.eval();
    cycle_++;
  }

  void serve(int port) {
    const size_t address = getBits(top_.req_addr_o, 28 * port, 28) % beats_;
    if (!getBits(top_.req_write_o, port, 1)) return memory_.read(port, address);
    memory_.write(address, &top_.req_wdata_o[port == cores_ ? 0 : beatWords]);
  }

  const int cores_;
  const size_t beats_;
  Memory memory_;
  Vpm_accelerator top_;
  uint64_t cycle_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  Board board(std::stoi(argv[1]), std::stoul(argv[2]));
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    in.unsetf(std::ios::basefield);
    std::string command;
    in >> command;
    uint32_t a = 0, b = 0, c = 0;
    if (command == "timing") {
      Timing timing;
      timing.read(in);
      board.setTiming(timing);
    } else if (command == "write" && in >> a >> b) {
      board.write(a, b);
    } else if (command == "read" && in >> a) {
      std::printf("%u\n", board.read(a));
    } else if (command == "wait" && in >> a >> b >> c) {
      uint32_t control = board.read(controlRegister);
      for (; c > 0 && (control & a) != b; c--) control = board.read(controlRegister);
      std::printf(c > 0 ? "%u\n" : "late %u\n", control);
    } else if (command == "reset" && in >> a) {
      board.reset(a);
    } else {
      std::fprintf(stderr, "unknown command: %s\n", line.c_str());
      return 1;
    }
    std::fflush(stdout);
  }
  return 0;
}
