// DDR4 behind a controller: src/accelerator/bankMemory.ts says what it models; this is the same in every cycle.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

struct BankTiming {
  uint64_t channels = 1, queue = 16, ports = 1, ticksNumerator = 20, ticksDenominator = 1, latency = 7;
  uint64_t refreshInterval = 9360, refreshTicks = 420;
};

// Clocks between commands, DDR4-2400.
namespace ticks {
constexpr uint64_t burst = 4, burstInGroup = 6, readLatency = 17, activateToColumn = 17, precharge = 17;
constexpr uint64_t activateToPrecharge = 39, activateToActivate = 6, fourActivates = 26, readToPrecharge = 9;
constexpr uint64_t writeRecovery = 34, readToWrite = 7, writeToRead = 21;
}  // namespace ticks

constexpr uint64_t notReady = ~0ull;

class Channel {
 public:
  Channel(uint64_t index, const BankTiming& timing)
      : timing_(timing), nextRefresh_((index + 1) * timing.refreshInterval / timing.channels) {}

  // `ready` becomes the cycle from which a read can be answered; null for a write.
  void push(uint64_t bank, uint64_t row, uint64_t* ready) { queue_.push_back({bank, int64_t(row), ready}); }

  bool step(uint64_t tick, uint64_t t) {
    if (tick >= nextRefresh_) refresh(tick);
    if (queue_.empty()) return false;
    if (tick >= column_ && serve(tick, t)) return true;
    openRow(tick);
    return false;
  }

 private:
  struct Entry {
    uint64_t bank;
    int64_t row;
    uint64_t* ready;
  };
  struct Bank {
    int64_t row = -1;
    uint64_t column = 0, precharge = 0, activate = 0;
  };

  void refresh(uint64_t tick) {
    nextRefresh_ += timing_.refreshInterval;
    for (Bank& bank : banks_) {
      bank.row = -1;
      bank.activate = tick + ticks::precharge + timing_.refreshTicks;
    }
  }

  bool serve(uint64_t tick, uint64_t t) {
    for (size_t i = 0; i < queue_.size(); i++) {
      const Entry& entry = queue_[i];
      const bool write = entry.ready == nullptr;
      Bank& bank = banks_[entry.bank];
      uint64_t& group = groupColumn_[entry.bank % 4];
      const uint64_t turnaround = write == lastWrite_ ? 0 : write ? ticks::readToWrite : ticks::writeToRead;
      if (bank.row != entry.row || tick < bank.column || tick < group || tick < column_ + turnaround) continue;
      column_ = tick + ticks::burst;
      group = tick + ticks::burstInGroup;
      lastWrite_ = write;
      bank.precharge = std::max(bank.precharge, tick + (write ? ticks::writeRecovery : ticks::readToPrecharge));
      if (!write) {
        const uint64_t data = (ticks::readLatency + ticks::burst) * timing_.ticksDenominator;
        *entry.ready = t + (data + timing_.ticksNumerator - 1) / timing_.ticksNumerator + timing_.latency;
      }
      queue_.erase(queue_.begin() + i);
      return true;
    }
    return false;
  }

  void openRow(uint64_t tick) {
    uint32_t seen = 0;
    for (const Entry& entry : queue_) {
      if (seen >> entry.bank & 1) continue;
      seen |= 1u << entry.bank;
      Bank& bank = banks_[entry.bank];
      if (bank.row == entry.row) continue;
      if (bank.row < 0) {
        uint64_t& fourth = activates_[activateCount_ % 4];
        if (tick < bank.activate || tick < activate_ || (activateCount_ >= 4 && tick < fourth + ticks::fourActivates)) continue;
        fourth = tick;
        activateCount_++;
        activate_ = tick + ticks::activateToActivate;
        bank.row = entry.row;
        bank.column = tick + ticks::activateToColumn;
        bank.precharge = tick + ticks::activateToPrecharge;
        return;
      }
      if (tick < bank.precharge) continue;
      bank.row = -1;
      bank.activate = tick + ticks::precharge;
      return;
    }
  }

  BankTiming timing_;
  Bank banks_[16];
  std::vector<Entry> queue_;  // oldest first
  uint64_t groupColumn_[4] = {}, column_ = 0, activate_ = 0, activates_[4] = {}, activateCount_ = 0;
  bool lastWrite_ = false;
  uint64_t nextRefresh_;
};

class BankMemory {
 public:
  explicit BankMemory(const BankTiming& timing) : timing_(timing) {
    for (uint64_t c = 0; c < timing.channels; c++) channels_.emplace_back(c, timing);
  }

  // Begins cycle t. Returns how many requests it takes.
  uint64_t begin(uint64_t t) {
    const uint64_t end = (t + 1) * timing_.ticksNumerator / timing_.ticksDenominator;
    for (; tick_ < end; tick_++) {
      for (Channel& channel : channels_) waiting_ -= channel.step(tick_, t);
    }
    return std::min(timing_.ports, timing_.queue * timing_.channels - waiting_);
  }

  void request(uint64_t address, uint64_t* ready) {
    constexpr uint64_t interleave = 4, run = 16, runsPerRow = 128 / run;
    const uint64_t piece = address / interleave;
    const uint64_t within = (piece / timing_.channels * interleave + address % interleave) / run;
    const uint64_t row = within / (runsPerRow * 16);
    channels_[piece % timing_.channels].push((within ^ row) & 15, row, ready);
    waiting_++;
  }

 private:
  BankTiming timing_;
  std::vector<Channel> channels_;
  uint64_t waiting_ = 0, tick_ = 0;
};
