// The accelerator with its memory on the chip: nothing but the bus is outside.
#include "Vpm_on_chip.h"
#include "commands.h"
#include "verilated.h"

namespace {

class Board {
 public:
  Board() { reset(1); }

  void setTiming(const Timing&) {}  // memory is part of what runs

  void reset(int cycles) {
    top_.rst_ni = 0;
    for (int i = 0; i < cycles; i++) step();
    top_.rst_ni = 1;
  }

  void write(int address, uint32_t value) {
    top_.bus_write_i = 1;
    top_.bus_wdata_i = value;
    access(address);
    top_.bus_write_i = 0;
  }

  uint32_t read(int address) {
    access(address);
    return top_.bus_rdata_o;
  }

 private:
  void access(int address) {
    top_.bus_valid_i = 1;
    top_.bus_addr_i = address;
    step();
    top_.bus_valid_i = 0;
    top_.eval();
  }

  void step() {
    top_.clk_i = 0;
    top_.eval();
    top_.clk_i = 1;
    top_.eval();
  }

  Vpm_on_chip top_;
};

}  // namespace

int main() {
  Board board;
  return obey(board);
}
