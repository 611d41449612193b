# AMD Alveo U250, top pm_axi in the user region of a shell: the shell brings the bus's clock, the host's AXI4-Lite over PCIe and
# the DDR4 controllers, with the constraints of their pins. The accelerator's clock is the shell's second one, here asked
# for as 200 MHz; no build has reached it. Not run through Vivado here.
create_clock -name accelerator -period 5.000 [get_pins -hierarchical -filter {NAME =~ *u_pm_axi/clk_i}]
