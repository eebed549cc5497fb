// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A 1-Wire bus with three DS18B20, in software, for the kernel's own drivers wire and w1_therm. It speaks bytes: reset, the ROM
 * commands match and skip, and the functions of a thermometer.
 *
 * Parameters, which tests write: the temperatures, how many of the next scratchpads have a wrong checksum, which thermometers do not
 * answer, and which have never converted. And one that tests read: how many conversions were begun.
 */

#include <linux/module.h>
#include <linux/w1.h>

#define THERMOMETERS 3

static int milli[THERMOMETERS] = { 21500, -10125, 85000 };
module_param_array(milli, int, NULL, 0644);
MODULE_PARM_DESC(milli, "temperatures in thousandths of a degree");

static int wrong;
module_param(wrong, int, 0644);
MODULE_PARM_DESC(wrong, "how many scratchpads to come have a wrong checksum");

static int absent;
module_param(absent, int, 0644);
MODULE_PARM_DESC(absent, "bits of the thermometers that do not answer");

static int fresh;
module_param(fresh, int, 0644);
MODULE_PARM_DESC(fresh, "bits of the thermometers that show what they have after power comes on");

static int conversions;
module_param(conversions, int, 0444);
MODULE_PARM_DESC(conversions, "conversions that were begun, one for each command");

static const u64 ids[THERMOMETERS] = { 0x000005e2fdc3, 0x000005e2fdc4, 0x0000c0ffee01 };

enum { EXPECT_ROM, EXPECT_ADDRESS, EXPECT_FUNCTION, EXPECT_NOTHING };

static struct {
	int state, selected; /* bits of thermometers */
	u8 in[8], out[9];    /* an address that comes, what is read */
	int n_in, n_out, at_out;
	s16 sixteenths[THERMOMETERS]; /* of the last conversion */
} bus;

static u64 play_number(int i)
{
	u64 number = ids[i] << 8 | 0x28;
	__le64 bytes = cpu_to_le64(number);

	return number | (u64)w1_calc_crc8((u8 *)&bytes, 7) << 56;
}

static u8 play_reset(void *data)
{
	bus.state = EXPECT_ROM;
	bus.selected = 0;
	bus.n_in = bus.n_out = bus.at_out = 0;
	return absent == (1 << THERMOMETERS) - 1;
}

static void play_match(void)
{
	__le64 bytes;
	int i;

	memcpy(&bytes, bus.in, sizeof(bytes));
	for (i = 0; i < THERMOMETERS; i++)
		if (play_number(i) == le64_to_cpu(bytes) && !(absent & 1 << i))
			bus.selected = 1 << i;
	bus.state = EXPECT_FUNCTION;
}

static void play_convert(void)
{
	int i;

	conversions++;
	for (i = 0; i < THERMOMETERS; i++)
		if (bus.selected & 1 << i)
			bus.sixteenths[i] = milli[i] * 16 / 1000;
}

/* The first that is selected. The sixth byte is 0c only before the first conversion. */
static void play_scratchpad(void)
{
	int i = ffs(bus.selected) - 1;
	bool is_fresh = i >= 0 && fresh & 1 << i;
	s16 value = is_fresh ? 85 * 16 : i >= 0 ? bus.sixteenths[i] : 0;
	u8 pad[9] = { value & 0xff, value >> 8, 0x4b, 0x46, 0x7f, 0xff, is_fresh ? 0x0c : 0x10 - (value & 0xf), 0x10 };

	if (i < 0)
		return;
	pad[8] = w1_calc_crc8(pad, 8);
	if (wrong > 0) {
		wrong--;
		pad[0] ^= 0x10;
	}
	memcpy(bus.out, pad, sizeof(pad));
	bus.n_out = sizeof(pad);
}

static void play_function(u8 byte)
{
	bus.state = EXPECT_NOTHING;
	if (byte == 0x44)
		play_convert();
	else if (byte == 0xbe)
		play_scratchpad();
}

static void play_write(void *data, u8 byte)
{
	switch (bus.state) {
	case EXPECT_ROM:
		bus.state = byte == 0x55 ? EXPECT_ADDRESS : byte == 0xcc ? EXPECT_FUNCTION : EXPECT_NOTHING;
		if (byte == 0xcc)
			bus.selected = ((1 << THERMOMETERS) - 1) & ~absent;
		break;
	case EXPECT_ADDRESS:
		bus.in[bus.n_in++] = byte;
		if (bus.n_in == sizeof(bus.in))
			play_match();
		break;
	case EXPECT_FUNCTION:
		play_function(byte);
		break;
	}
}

/* An idle bus is high: so is the answer about power, which comes from outside. */
static u8 play_read(void *data)
{
	return bus.at_out < bus.n_out ? bus.out[bus.at_out++] : 0xff;
}

static u8 play_touch(void *data, u8 bit)
{
	return 1;
}

static void play_search(void *data, struct w1_master *master, u8 type, w1_slave_found_callback found)
{
	int i;

	for (i = 0; i < THERMOMETERS; i++)
		found(master, play_number(i));
}

static struct w1_bus_master play_bus = {
	.reset_bus = play_reset,
	.write_byte = play_write,
	.read_byte = play_read,
	.touch_bit = play_touch,
	.search = play_search,
};

static int __init play_init(void)
{
	return w1_add_master_device(&play_bus);
}

static void __exit play_exit(void)
{
	w1_remove_master_device(&play_bus);
}

module_init(play_init);
module_exit(play_exit);
MODULE_DESCRIPTION("1-Wire bus with thermometers, in software");
MODULE_LICENSE("GPL");
