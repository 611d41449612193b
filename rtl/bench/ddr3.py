"""Writes a DDR3 memory behind LiteDRAM's controller and its AXI4 port as Verilog: `python3 ddr3.py FILE.v`.

The chips are LiteDRAM's model of a PHY with its DRAM (64 bits wide: a beat of 512 bits is one burst of eight), of which every
command is checked against the timings of a Micron MT41K128M16 at 400 MHz. Only the number of rows is smaller, to keep the model's
memory small. A command that comes too early is written to standard output.
"""

import sys

from litedram.core import LiteDRAMCore
from litedram.core.controller import ControllerSettings
from litedram.frontend.axi import LiteDRAMAXI2Native, LiteDRAMAXIPort
from litedram.modules import MT41K128M16
from litedram.phy.model import SDRAM_VERBOSE_STD, SDRAMPHYModel, get_sdram_phy_settings
from litex.gen.fhdl import verilog
from migen import ClockDomain, Module

CLOCK_HZ = 100e6  # of the controller; the DRAM's is four times as fast


class Chips(MT41K128M16):
    nrows = 2048


class Memory(Module):
    def __init__(self):
        module = Chips(CLOCK_HZ, "1:4")
        settings = get_sdram_phy_settings("DDR3", 64, CLOCK_HZ)
        self.submodules.phy = SDRAMPHYModel(module, settings, clk_freq=CLOCK_HZ, verbosity=SDRAM_VERBOSE_STD)
        self.submodules.core = LiteDRAMCore(
            phy=self.phy,
            geom_settings=module.geom_settings,
            timing_settings=module.timing_settings,
            clk_freq=CLOCK_HZ,
            controller_settings=ControllerSettings(),
        )
        native = self.core.crossbar.get_port()
        self.axi = LiteDRAMAXIPort(data_width=512, address_width=native.address_width + 6, id_width=6)
        self.submodules.adapter = LiteDRAMAXI2Native(self.axi, native)
        self.clock_domains.cd_sys = ClockDomain()


CHANNELS = {
    "aw": ["valid", "ready", "addr", "burst", "len", "size", "id"],
    "w": ["valid", "ready", "data", "strb", "last"],
    "b": ["valid", "ready"],
    "ar": ["valid", "ready", "addr", "burst", "len", "size", "id"],
    "r": ["valid", "ready", "data", "id"],
}


def main():
    memory = Memory()
    ports = {memory.cd_sys.clk, memory.cd_sys.rst}
    for channel, signals in CHANNELS.items():
        for name in signals:
            signal = getattr(getattr(memory.axi, channel), name)
            signal.name_override = f"{channel}_{name}"
            ports.add(signal)
    text = verilog.convert(memory, ports, name="litedram", regular_comb=False).main_source
    with open(sys.argv[1], "w") as file:
        file.write(text.replace("`timescale 1ns / 1ps\n", ""))  # the other modules have none


main()
