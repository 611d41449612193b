# Digilent Nexys A7-100T (XC7A100T-1CSG324C), top pm_axi behind a memory controller that Vivado generates (MIG, for the board's
# DDR2), whose own constraints place the memory's pins. Not run through Vivado here.
set_property -dict {PACKAGE_PIN E3 IOSTANDARD LVCMOS33} [get_ports clk]
create_clock -name clk -period 10.000 [get_ports clk]
set_property -dict {PACKAGE_PIN C12 IOSTANDARD LVCMOS33} [get_ports resetn]
set_false_path -from [get_ports resetn]
