// A host at the AXI4-Lite port of a top with two clocks. Boards add what is at its memory port.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

template <typename Top>
class AxiBoard {
 public:
  AxiBoard(uint64_t clockPeriod, uint64_t busPeriod) : clockHalf_(clockPeriod), busHalf_(busPeriod) {}

  // Resets come once memory has answered: AXI has no way to take a request back.
  void reset(int cycles) {
    for (int i = 0; i < 1000; i++) cycle();
    top_.aresetn_i = 0;
    for (int i = 0; i < cycles; i++) cycle();
    top_.aresetn_i = 1;
    for (int i = 0; i < 4; i++) cycle();
  }

  void write(int address, uint32_t value) {
    top_.s_awaddr_i = address * 4;
    top_.s_wdata_i = value;
    top_.s_awvalid_i = 1;
    cycle();  // the address may come before the data
    top_.s_wvalid_i = 1;
    until([this] { return top_.s_awready_o && top_.s_wready_o; });
    top_.s_awvalid_i = 0;
    top_.s_wvalid_i = 0;
    top_.s_bready_i = 1;
    until([this] { return top_.s_bvalid_o; });
    top_.s_bready_i = 0;
  }

  uint32_t read(int address) {
    top_.s_araddr_i = address * 4;
    top_.s_arvalid_i = 1;
    until([this] { return top_.s_arready_o; });
    top_.s_arvalid_i = 0;
    uint32_t value = 0;
    top_.s_rready_i = 1;
    until([&] {
      value = top_.s_rdata_o;
      return top_.s_rvalid_o;
    });
    top_.s_rready_i = 0;
    return value;
  }

 protected:
  // Before a rising edge of the bus's clock, and behind it.
  virtual void sample() {}
  virtual void drive() {}

  Top top_;

 private:
  // Cycles of the bus until something holds before an edge; that edge included.
  template <typename Condition>
  void until(Condition condition) {
    for (int i = 0; i < 1000; i++) {
      top_.eval();
      const bool holds = condition();
      cycle();
      if (holds) return;
    }
    std::fprintf(stderr, "AXI4-Lite does not answer\n");
    std::exit(1);
  }

  // Up to and including the next rising edge of the bus's clock.
  void cycle() {
    for (bool rose = false; !rose;) {
      const uint64_t now = std::min(clockNext_, busNext_);
      const bool bus = busNext_ == now;
      if (clockNext_ == now) {
        top_.clk_i = !top_.clk_i;
        clockNext_ += clockHalf_;
      }
      if (bus) {
        rose = !top_.aclk_i;
        if (rose) sample();
        top_.aclk_i = !top_.aclk_i;
        busNext_ += busHalf_;
      }
      top_.eval();
      if (rose) drive();
    }
  }

  const uint64_t clockHalf_, busHalf_;
  uint64_t clockNext_ = 1, busNext_ = 2;
};
