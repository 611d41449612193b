// The accelerator behind AXI: a host at its AXI4-Lite port, a memory at its AXI4 port, two clocks of different periods.
#include <string>

#include "Vpm_axi.h"
#include "axiHost.h"
#include "axiMemory.h"
#include "commands.h"
#include "verilated.h"

namespace {

class Board : public AxiBoard<Vpm_axi> {
 public:
  Board(size_t beats, uint64_t clockPeriod, uint64_t busPeriod) : AxiBoard(clockPeriod, busPeriod), memory_(beats) {
    reset(4);
  }

  void setTiming(const Timing& timing) { timing_ = timing.slots; }

 private:
  void sample() override {
    AxiBeat data;
    for (int i = 0; i < axiWords; i++) data.data[i] = top_.m_wdata_o[i];
    if (!top_.aresetn_i) return;
    memory_.edge(top_.m_arvalid_o, {top_.m_arid_o, top_.m_araddr_o}, top_.m_awvalid_o, {top_.m_awid_o, top_.m_awaddr_o},
                 top_.m_wvalid_o, data, top_.m_rready_o, top_.m_bready_o, timing_.latency, timing_.jitter);
  }

  void drive() override {
    top_.m_arready_i = memory_.arready;
    top_.m_awready_i = memory_.awready;
    top_.m_wready_i = memory_.wready;
    top_.m_rvalid_i = memory_.rvalid;
    top_.m_rid_i = memory_.rid;
    for (int i = 0; i < axiWords; i++) top_.m_rdata_i[i] = memory_.rdata.data[i];
    top_.m_bvalid_i = memory_.bvalid;
    top_.eval();
  }

  AxiMemory memory_;
  SlotTiming timing_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 1;
  Board board(std::stoul(argv[1]), std::stoul(argv[2]), std::stoul(argv[3]));
  return obey(board);
}
