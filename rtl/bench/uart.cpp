// The ULX3S's top, driven through its serial line.
#include <cstdio>
#include <cstdlib>

#include "Vpm_ulx3s.h"
#include "Vpm_ulx3s_pm_ulx3s.h"
#include "commands.h"
#include "verilated.h"

namespace {

constexpr int divider = Vpm_ulx3s_pm_ulx3s::divider;

class Board {
 public:
  Board() {
    top_.ftdi_txd = 1;
    reset(1);
  }

  void setTiming(const Timing&) {}  // memory is part of what runs

  void reset(int cycles) {
    top_.btn_pwr_n = 0;
    for (int i = 0; i < cycles + 4; i++) step();
    top_.btn_pwr_n = 1;
    for (int i = 0; i < 8; i++) step();
  }

  void write(int address, uint32_t value) {
    send(0x80 | address);
    for (int i = 0; i < 4; i++) send(value >> 8 * i & 0xff);
    for (int i = 0; i < divider; i++) step();  // the access follows the last stop bit
  }

  uint32_t read(int address) {
    send(address);
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value |= uint32_t(receive()) << 8 * i;
    return value;
  }

 private:
  void send(uint8_t byte) {
    const int bits = 1 << 9 | byte << 1;  // start, eight bits, stop
    for (int i = 0; i < 10; i++) {
      top_.ftdi_txd = bits >> i & 1;
      for (int k = 0; k < divider; k++) step();
    }
  }

  uint8_t receive() {
    for (int i = 0; top_.ftdi_rxd; i++) {
      if (i > 100 * divider) fail("no answer");
      step();
    }
    for (int k = 0; k < divider / 2; k++) step();
    uint8_t byte = 0;
    for (int i = 0; i < 8; i++) {
      for (int k = 0; k < divider; k++) step();
      byte |= top_.ftdi_rxd << i;
    }
    for (int k = 0; k < divider; k++) step();
    if (!top_.ftdi_rxd) fail("no stop bit");
    return byte;
  }

  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "serial line: %s\n", what);
    std::exit(1);
  }

  void step() {
    top_.clk_25mhz = 0;
    top_.eval();
    top_.clk_25mhz = 1;
    top_.eval();
  }

  Vpm_ulx3s top_;
};

}  // namespace

int main() {
  Board board;
  return obey(board);
}
