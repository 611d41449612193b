// DRAM: its content, and when it takes requests and answers reads. Two models, as in src/accelerator/memory.ts: fixed
// rates (slotMemory.ts) and banks (bankMemory.ts). Reads are answered in order for each port, at most one a cycle.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <istream>
#include <memory>
#include <string>

#include "banks.h"

struct SlotTiming {
  uint64_t latency = 12, ports = 1, numerator = 64, denominator = 64, refreshInterval = 468, refreshCycles = 21, jitter = 0;

  uint64_t slots(uint64_t t) const {
    if (t % refreshInterval < refreshCycles) return 0;
    return std::min(ports, (t + 1) * numerator / denominator - t * numerator / denominator);
  }
};

struct Timing {
  bool hasBanks = false;
  SlotTiming slots;
  BankTiming banks;

  // `slots LATENCY PORTS NUMERATOR DENOMINATOR REFRESH_INTERVAL REFRESH_CYCLES JITTER`, or
  // `banks CHANNELS QUEUE PORTS TICKS_NUMERATOR TICKS_DENOMINATOR LATENCY REFRESH_INTERVAL REFRESH_TICKS`
  void read(std::istream& in) {
    std::string kind;
    in >> kind;
    hasBanks = kind == "banks";
    SlotTiming& s = slots;
    BankTiming& b = banks;
    if (!hasBanks) in >> s.latency >> s.ports >> s.numerator >> s.denominator >> s.refreshInterval >> s.refreshCycles >> s.jitter;
    else in >> b.channels >> b.queue >> b.ports >> b.ticksNumerator >> b.ticksDenominator >> b.latency >> b.refreshInterval >> b.refreshTicks;
  }
};

#ifndef PM_LANES
#define PM_LANES 16
#endif
constexpr int beatWords = PM_LANES;  // of 32 bits

struct Response {
  uint64_t cycle;  // from which it can be given
  uint32_t data[beatWords];
};

// When reads of one port are answered at a fixed rate.
class PortTiming {
 public:
  uint64_t arrival(uint64_t cycle, uint32_t port, const SlotTiming& timing) {
    const uint32_t mixed = (count_++ * 0x9e3779b1u) ^ (port * 0x85ebca6bu);
    const uint64_t extra = ((mixed ^ mixed >> 15) & 0xffff) % (timing.jitter + 1);
    last_ = std::max(last_ + 1, cycle + timing.latency + extra);
    return last_;
  }

 private:
  uint32_t count_ = 0;
  uint64_t last_ = 0;
};

class Memory {
 public:
  explicit Memory(size_t beats) : words_((uint32_t*)std::calloc(beats * beatWords, 4)) {}
  ~Memory() { std::free(words_); }
  Memory(const Memory&) = delete;

  uint32_t* beat(size_t address) { return words_ + address * beatWords; }

  // Only while no read waits.
  void setTiming(const Timing& timing) {
    timing_ = timing;
    banks_.reset(timing.hasBanks ? new BankMemory(timing.banks) : nullptr);
  }

  // Begins a cycle. Returns how many requests memory takes in it.
  unsigned begin(uint64_t cycle) {
    cycle_ = cycle;
    return banks_ ? banks_->begin(cycle) : timing_.slots.slots(cycle);
  }

  // The response of this cycle on a port.
  bool next(int port, Response& response) {
    auto& waiting = responses_[port];
    if (waiting.empty() || waiting.front().cycle > cycle_) return false;
    response = waiting.front();
    waiting.pop_front();
    return true;
  }

  void read(int port, size_t address) {
    responses_[port].push_back({notReady, {}});  // a deque: the others stay where they are
    Response& response = responses_[port].back();
    std::memcpy(response.data, beat(address), sizeof response.data);
    if (banks_) banks_->request(address, &response.cycle);
    else response.cycle = timings_[port].arrival(cycle_, port, timing_.slots);
  }

  void write(size_t address, const uint32_t* data) {
    std::memcpy(beat(address), data, beatWords * 4);
    if (banks_) banks_->request(address, nullptr);
  }

 private:
  static constexpr int maxPorts = 34;
  uint32_t* words_;  // calloc's pages cost nothing until they are touched
  uint64_t cycle_ = 0;
  Timing timing_;
  std::unique_ptr<BankMemory> banks_;
  std::deque<Response> responses_[maxPorts];
  PortTiming timings_[maxPorts];
};
