// The accelerator behind AXI: a host at its AXI4-Lite port, a memory at its AXI4 port, two clocks of different periods.
#include <string>

#include "Vpm_axi.h"
#include "axiMemory.h"
#include "commands.h"
#include "verilated.h"

namespace {

class Board {
 public:
  Board(size_t beats, uint64_t clockPeriod, uint64_t busPeriod)
      : memory_(beats), clockHalf_(clockPeriod), busHalf_(busPeriod) {
    reset(4);
  }

  void setTiming(const Timing& timing) { timing_ = timing.slots; }

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

  void sample() {
    AxiBeat data;
    for (int i = 0; i < axiWords; i++) data.data[i] = top_.m_wdata_o[i];
    if (!top_.aresetn_i) return;
    memory_.edge(top_.m_arvalid_o, {top_.m_arid_o, top_.m_araddr_o}, top_.m_awvalid_o, {top_.m_awid_o, top_.m_awaddr_o},
                 top_.m_wvalid_o, data, top_.m_rready_o, top_.m_bready_o, timing_.latency, timing_.jitter);
  }

  void drive() {
    top_.m_arready_i = memory_.arready;
    top_.m_awready_i = memory_.awready;
    top_.m_wready_i = memory_.wready;
    top_.m_rvalid_i = memory_.rvalid;
    top_.m_rid_i = memory_.rid;
    for (int i = 0; i < axiWords; i++) top_.m_rdata_i[i] = memory_.rdata.data[i];
    top_.m_bvalid_i = memory_.bvalid;
    top_.eval();
  }

  Vpm_axi top_;
  AxiMemory memory_;
  SlotTiming timing_;
  const uint64_t clockHalf_, busHalf_;
  uint64_t clockNext_ = 1, busNext_ = 2;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 1;
  Board board(std::stoul(argv[1]), std::stoul(argv[2]), std::stoul(argv[3]));
  return obey(board);
}
