// The accelerator behind AXI with LiteDRAM and its DDR3 chips: a host at its AXI4-Lite port.
#include <string>

#include "Vpm_ddr3.h"
#include "axiHost.h"
#include "commands.h"
#include "verilated.h"

namespace {

class Board : public AxiBoard<Vpm_ddr3> {
 public:
  Board(uint64_t clockPeriod, uint64_t busPeriod) : AxiBoard(clockPeriod, busPeriod) { reset(4); }

  void setTiming(const Timing&) {}  // memory is part of what runs
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  Board board(std::stoul(argv[1]), std::stoul(argv[2]));
  return obey(board);
}
