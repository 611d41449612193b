// DRAM with the contract's timing: a number of requests taken in each cycle, reads answered a fixed time later, or up
// to `jitter` cycles after that; in order for each port, at most one response a cycle.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>

struct Timing {
  uint64_t latency = 12, ports = 1, numerator = 1177, denominator = 64, refreshInterval = 468, refreshCycles = 21, jitter = 0;

  unsigned slots(uint64_t t) const {
    if (t % refreshInterval < refreshCycles) return 0;
    return std::min(ports, (t + 1) * numerator / denominator - t * numerator / denominator);
  }
};

constexpr int beatWords = 16;  // of 32 bits

struct Response {
  uint64_t cycle;
  uint32_t data[beatWords];
};

// When reads of one port are answered.
class PortTiming {
 public:
  uint64_t arrival(uint64_t cycle, uint32_t port, const Timing& timing) {
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

  void read(uint64_t cycle, int port, size_t address, const Timing& timing) {
    Response response{timings_[port].arrival(cycle, port, timing), {}};
    std::memcpy(response.data, beat(address), sizeof response.data);
    responses_[port].push_back(response);
  }

  // The response of this cycle on a port.
  bool next(uint64_t cycle, int port, Response& response) {
    auto& waiting = responses_[port];
    if (waiting.empty() || waiting.front().cycle != cycle) return false;
    response = waiting.front();
    waiting.pop_front();
    return true;
  }

 private:
  static constexpr int maxPorts = 34;
  uint32_t* words_;  // calloc's pages cost nothing until they are touched
  std::deque<Response> responses_[maxPorts];
  PortTiming timings_[maxPorts];
};
