// The accelerator behind its bus, with memory at its ports.
#include <string>

#include "Vpm_accelerator.h"
#include "commands.h"
#include "memory.h"
#include "ports.h"
#include "verilated.h"

namespace {

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
  return obey(board);
}
